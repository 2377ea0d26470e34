import type { Context } from '../../scripts/context.ts'
import { AquaError } from '../../scripts/error.ts'
import type { EnvMap } from '../../scripts/step.ts'
import { compose, engineError, type Stack } from '../engine.ts'
import type { Service } from '../services.ts'
import { placeholders } from '../stack.ts'
import type { Workspace } from '../workspace.ts'
import { type SpringKey, springKeys } from './springfiles.ts'

/**
 * What decides, besides the change log, which change sets a service runs when it starts and how they read: `contexts`,
 * `label-filter` and `parameters` of `spring.liquibase`. What the container's environment sets, aqua's Liquibase gets too.
 * What only the service itself can evaluate is refused by name: a migration that quietly differs from the service's own would
 * run change sets that are not for this environment.
 */

/** As Compose fills it for the container; Spring reads a dash in a name as nothing, or in the old way as `_`. */
type Environment = Readonly<Record<string, string>>

const prefix = 'SPRING_LIQUIBASE_'
const tables = ['databasechangelogtable', 'databasechangeloglocktable']
const decisive = new RegExp(`^spring\\.liquibase\\.((contexts|labelfilter|${tables.join('|')})\\b|parameters\\..)`)

const decisiveVariable = /^SPRING_LIQUIBASE_(CONTEXTS|LABEL_?FILTER|PARAMETERS_.)/

/** The environment that Compose gives to each container, whichever file it comes from. */
async function environments(ctx: Pick<Context, 'probe'>, stack: Stack): Promise<Record<string, Environment>> {
  const filled = placeholders(stack)
  const result = await ctx.probe(compose(filled, 'config', '--format', 'json'), { env: filled.env })
  if (result.code !== 0)
    throw (
      engineError(result, stack.docker) ??
      new AquaError('COMPOSE_UNREADABLE', `Compose cannot read the files of ${stack.stage}`, {
        details: result.stderr.trim().split('\n').slice(-5),
      })
    )
  const { services } = JSON.parse(result.stdout) as { services: Record<string, { environment?: Environment }> }
  const plain = (environment: Environment) =>
    Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, (value ?? '').replaceAll('$$', '$')]))
  return Object.fromEntries(Object.entries(services).map(([name, { environment = {} }]) => [name, plain(environment)]))
}

/** A list that one variable holds, or several by number. */
function list(environment: Environment, name: string): string {
  const numbered = Object.keys(environment)
    .filter((key) => key.startsWith(`${name}_`) && /^\d+$/.test(key.slice(name.length + 1)))
    .sort((a, b) => Number(a.slice(name.length + 1)) - Number(b.slice(name.length + 1)))
  return environment[name] || numbered.map((key) => environment[key]).join(',')
}

/** The variables of a container as variables for Liquibase. */
export function handedOver(environment: Environment): EnvMap {
  const parameters = `${prefix}PARAMETERS_`
  const contexts = list(environment, `${prefix}CONTEXTS`)
  const labels = list(environment, `${prefix}LABELFILTER`) || list(environment, `${prefix}LABEL_FILTER`)
  return {
    ...(contexts && { LIQUIBASE_COMMAND_CONTEXT_FILTER: contexts }),
    ...(labels && { LIQUIBASE_COMMAND_LABEL_FILTER: labels }),
    // Liquibase takes parameters of change logs from its environment, under their own names: to Spring these are in lower
    // case, with a dot for each `_`.
    ...Object.fromEntries(
      Object.entries(environment)
        .filter(([name]) => name.startsWith(parameters))
        .map(([name, value]) => [name.slice(parameters.length).toLowerCase().replaceAll('_', '.'), value]),
    ),
  }
}

/** `SPRING_LIQUIBASE_LABELFILTER` for `spring.liquibase.label-filter`. */
function variableOf(key: string): string {
  return key
    .replaceAll('-', '')
    .replaceAll(/[.[\]]+/g, '_')
    .toUpperCase()
}

/** What is set where aqua cannot follow; undefined when all that is decisive is in the environment. */
export function beyond(
  environment: Environment,
  keys: readonly SpringKey[],
): { what: string; variable: string } | undefined {
  for (const [name, value] of Object.entries(environment)) {
    const own = name.startsWith(prefix)
    if (own && tables.includes(name.slice(prefix.length).replaceAll('_', '').toLowerCase()))
      return { what: `${name} in its environment`, variable: '' }
    if (decisiveVariable.test(name) && value.includes('${')) return { what: `a placeholder in ${name}`, variable: name }
    const [, key] = /(spring\.liquibase\.[\w.-]+)/.exec(value) ?? []
    if (key && decisive.test(canonical(key))) return { what: `${key} in ${name}`, variable: variableOf(key) }
  }
  const profiles = (environment.SPRING_PROFILES_ACTIVE ?? '').split(',').map((profile) => profile.trim())
  for (const { key, file, line, profile } of keys) {
    if (!decisive.test(canonical(key)) || (profile !== undefined && !profiles.includes(profile))) continue
    const variable = variableOf(key)
    const legacy = variable.replace('LABELFILTER', 'LABEL_FILTER')
    const set = Object.keys(environment).some((name) => [variable, legacy, `${variable}_0`].includes(name))
    const handed = decisiveVariable.test(variable)
    if (!set || !handed) return { what: `${key} in ${file}:${line}`, variable: handed ? variable : '' }
  }
  return undefined
}

function canonical(key: string): string {
  return key.replaceAll(/[-_]/g, '').toLowerCase()
}

/** For each service the variables that make Liquibase decide as the service does, or an error that names what cannot be followed. */
export async function springSettings(
  ctx: Pick<Context, 'probe'>,
  stack: Stack,
  workspace: Workspace,
  services: readonly Service[],
): Promise<ReadonlyMap<string, EnvMap>> {
  const all = await environments(ctx, stack)
  return new Map(
    services.map((service) => {
      const environment = all[service.name] ?? {}
      const found = beyond(environment, springKeys(workspace.root, service))
      if (found)
        throw new AquaError(
          'LIQUIBASE_SETTING',
          `${service.name} migrates by ${found.what}, which aqua does not follow`,
          {
            details: ['with other settings than its own, other change sets would run than at its start'],
            hint: found.variable
              ? `set ${found.variable} for ${service.name} in docker/compose/settings: its container and aqua both read it there`
              : `let ${service.name} migrate when it starts`,
          },
        )
      return [service.name, handedOver(environment)]
    }),
  )
}
