import { receivers } from '../docker/services.ts'
import { Secret } from '../scripts/secret.ts'
import { describeSource, type Loaded } from './load.ts'
import { defaultOf, type Variable } from './schema.ts'

const readers = {
  compose: 'the Compose files (ports and image names); no container',
  aqua: 'aqua itself; no container',
}

/** Everything there is to say of a variable at a stage, for people and for `--json`; a secret's value is not in it. */
export function explain(variable: Variable, loaded: Loaded): { lines: string[]; result: Record<string, unknown> } {
  const { name, generate, requiredWhen } = variable
  const found = loaded.values.get(name)
  const applies = variable.stages.includes(loaded.stage)
  const secret = found?.value instanceof Secret
  const value = found ? String(found.value) : undefined
  const source = found && describeSource(loaded, found.source)
  const to = receivers(name)
  const fallback = defaultOf(variable, loaded.stage)
  const bound = `${requiredWhen?.name}${requiredWhen?.is === 'true' ? '=true' : ' is set'}`
  const facts: Record<string, string> = {
    format: variable.format.label,
    stages: variable.stages.join(', '),
    required: variable.required ? 'yes' : requiredWhen ? `when ${bound}` : 'no',
    value: applies ? (value === '' ? 'empty' : (value ?? 'not set')) : `none: it has no effect in ${loaded.stage}`,
    ...(source ? { source } : {}),
    default: fallback ?? 'none',
    ...(generate ? { generated: `${generate.bytes} random bytes as ${generate.encoding}` } : {}),
  }
  const received = [...new Set(to.map(({ as }) => as))].map((as) => {
    const names = to.filter((one) => one.as === as).map(({ container }) => container)
    return `${names.join(', ')}${as === name ? '' : ` as ${as}`}`
  })
  if (received.length === 0) received.push(readers[variable.readBy ?? 'compose'])
  const rows = [...Object.entries(facts), ...received.map((text, i) => [i === 0 ? 'received by' : '', text] as const)]
  const width = Math.max(...rows.map(([key]) => key.length))
  return {
    lines: [`${name}: ${variable.about}`, ...rows.map(([key, text]) => `  ${key.padEnd(width)}  ${text}`)],
    result: {
      name,
      about: variable.about,
      stage: loaded.stage,
      format: variable.format.label,
      stages: variable.stages,
      required: variable.required,
      requiredWhen: requiredWhen ?? null,
      secret: variable.secret,
      value: secret ? '[redacted]' : (value ?? null),
      source: source ?? null,
      default: fallback ?? null,
      generate: generate ?? null,
      receivers: to,
    },
  }
}
