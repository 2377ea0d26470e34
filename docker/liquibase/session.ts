import { randomBytes } from 'node:crypto'
import type { Loaded } from '../../env/load.ts'
import type { Context } from '../../scripts/context.ts'
import type { CommandResult, EnvMap, Io, Step } from '../../scripts/step.ts'
import type { Stage } from '../../scripts/task.ts'
import type { Stack } from '../engine.ts'
import type { Service } from '../services.ts'
import { loadStack } from '../stack.ts'
import { imagesOfOthers } from '../thirdparty.ts'
import { findWorkspace, type Workspace } from '../workspace.ts'
import { changeLogOf, liquibaseCommand, type Run } from './command.ts'
import { credentials } from './credentials.ts'
import { liquibaseError } from './failure.ts'
import { type Database, findDatabase, releaseSession } from './records.ts'
import { springSettings } from './spring.ts'

/** Liquibase on one stage: what every verb needs. */
export interface Session {
  ctx: Context
  stage: Stage
  project: string
  docker: string
  services: readonly Service[]
  database(io: Pick<Io, 'probe'>): Promise<Database>
  /** The command as it will run, for `--dry-run`. */
  shown(service: Service, args: readonly string[]): string
  /** Run one Liquibase command in a container of its own. `offline`: against an empty history, the database is not touched. */
  run(io: Io, service: Service, args: readonly string[], options?: { offline?: boolean }): Promise<CommandResult>
  /** Ctrl-C: remove the containers that are left, end their sessions, free the locks they took. */
  onInterrupt(io: Io): Promise<void>
  /** Saves the database, or refuses; `otherwise` says what then does not happen. */
  save(otherwise: string): Step
  /** Makes Liquibase's image ready. */
  image: Step
  workspace: Workspace
}

/** The step that saves the database before a migration changes it; the task brings it, for backups are another room's. */
export type Save = (stack: Stack, loaded: Loaded, otherwise: string) => Step

/** `migrates`: change logs are going to be read, so that what decides over them has to be known. */
export async function openSession(
  ctx: Context,
  stage: Stage,
  services: readonly Service[],
  migrates: boolean,
  save: Save,
): Promise<Session> {
  const { stack, loaded } = await loadStack(ctx, stage)
  const { project, docker } = stack
  const workspace = findWorkspace(ctx)
  const thirdParty = await imagesOfOthers(ctx, { stack, loaded }, ['LIQUIBASE_IMAGE'])
  const name = String(stack.env.POSTGRES_DB)
  const settings = migrates ? await springSettings(ctx, stack, workspace, services) : new Map<string, EnvMap>()
  for (const [service, env] of settings)
    if (Object.keys(env).length > 0) ctx.note(`${service}, as its container: ${shownSettings(env)}`)
  const live = new Map<string, Service>()
  let database: Promise<Database> | undefined
  const runOf = (service: Service, as: string, offline: boolean): Run => ({
    docker,
    project,
    service,
    name: as,
    image: thirdParty.names().LIQUIBASE_IMAGE,
    changeLog: changeLogOf(workspace, service),
    database: offline ? undefined : { name, credentials: credentials(service, stack.env) },
    settings: settings.get(service.name) ?? {},
  })
  return {
    ctx,
    stage,
    project,
    docker,
    services,
    workspace,
    save: (otherwise) => save(stack, loaded, otherwise),
    image: thirdParty.step,
    database: (io) => {
      database ??= findDatabase(io, stack)
      return database
    },
    shown: (service, args) =>
      liquibaseCommand(runOf(service, `aqua-liquibase-${service.short}`, false), args).argv.join(' '),
    async run(io, service, args, { offline = false } = {}) {
      const container = `aqua-liquibase-${service.short}-${randomBytes(4).toString('hex')}`
      const { argv, env: environment } = liquibaseCommand(runOf(service, container, offline), args)
      live.set(container, service)
      const explain = (result: CommandResult) =>
        liquibaseError(result, { service, command: args[0] ?? '', stage, docker })
      try {
        return await io.run(argv, { env: environment, explain })
      } finally {
        // Interrupted, only the client is known to be gone: `onInterrupt` sees to the container.
        if (!io.signal.aborted) live.delete(container)
      }
    },
    async onInterrupt(io) {
      for (const [container, service] of live) {
        live.delete(container)
        await io.probe([docker, 'rm', '--force', container])
        await releaseSession(io, await findDatabase(io, stack), service, container)
      }
    },
  }
}

/** What is handed over: filters with their values, parameters by name alone, as one may be secret. */
function shownSettings(env: EnvMap): string {
  const words: Record<string, string> = {
    LIQUIBASE_COMMAND_CONTEXT_FILTER: 'contexts',
    LIQUIBASE_COMMAND_LABEL_FILTER: 'labels',
  }
  return Object.entries(env)
    .map(([name, value]) => (words[name] ? `${words[name]} ${value}` : `parameter ${name}`))
    .join(', ')
}
