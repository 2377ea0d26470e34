import { hostname } from 'node:os'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import type { Stage } from '../scripts/task.ts'
import { atLeast, oldestCompose } from './engine.ts'
import { containerHolder, portError, portHolder, portState, type TakenPort, type WantedPort } from './ports.ts'
import { diskFinding, freeDisk, memoryFinding } from './requirements/capacity.ts'
import { type Container, listContainers } from './requirements/containers.ts'
import type { Finding } from './requirements/finding.ts'
import { type EngineInfo, engineInfo } from './requirements/info.ts'

export interface PreflightOptions {
  docker: string
  /** Compose's project: ports that its own containers publish are ours already. */
  project: string
  stage: Stage
  /** What `up` will publish; only the services that are going to be started. */
  ports: readonly WantedPort[]
  /** Images are going to be built, which needs more disk. */
  builds: boolean
}

export interface Preflight {
  info: EngineInfo
  /** The running containers, for whoever needs the listing next. */
  containers: Container[]
  /** What works today and may not tomorrow: one line each. */
  warnings: string[]
}

/**
 * Everything `up` needs of this machine, looked at side by side: engine, Compose, memory, disk, ports. Throws one error
 * that names all that is wrong. A no-op `up` pays for it too, so it is two short docker calls beside each other.
 */
export async function preflight(
  ctx: Pick<Context, 'probe' | 'platform' | 'env' | 'cwd'>,
  options: PreflightOptions,
): Promise<Preflight> {
  const listing = listContainers(ctx, options.docker)
  const [info, containers, ports] = await Promise.all([
    engineInfo(ctx, options.docker),
    listing,
    listing.then((found) => checkPorts(ctx, options, found)),
  ])
  const disk = await freeDisk(info.server?.rootDir, info.server?.hostName, ctx.cwd)
  const findings = [
    ...(info.server ? [memoryFinding(info.server.memory)] : []),
    ...(disk ? [diskFinding(disk, options.builds)] : []),
  ]
  const problems = [
    ...(info.error ? [info.error] : []),
    ...composeProblem(info, options.docker),
    ...findings.filter(({ state }) => state === 'missing').map(asError),
    // An engine that does not answer cannot say which ports its containers, perhaps ours, hold.
    ...(info.error ? [] : ports),
  ]
  if (problems.length > 0) throw together(problems)
  const warnings = findings.filter(({ state }) => state === 'warning')
  return { info, containers, warnings: warnings.map((one) => `${one.requirement}: ${one.found}; ${one.fix ?? ''}`) }
}

function composeProblem(info: EngineInfo, docker: string): AquaError[] {
  // Without a client the first error says all there is to say.
  if (!info.client) return []
  if (info.compose === undefined)
    return [
      new AquaError('COMPOSE_MISSING', `${docker} has no compose plugin`, {
        exit: 'missing',
        hint: 'aqua doctor --fix',
      }),
    ]
  if (atLeast(info.compose, oldestCompose)) return []
  return [
    new AquaError('COMPOSE_OLD', `compose ${info.compose} is too old: ${oldestCompose} or newer is needed`, {
      exit: 'missing',
      hint: 'aqua doctor',
    }),
  ]
}

function asError(one: Finding): AquaError {
  const code = one.requirement === 'disk' ? 'DISK_FULL' : 'MEMORY_LOW'
  return new AquaError(code, `not enough ${one.requirement}: ${one.found}`, {
    exit: 'missing',
    ...(one.fix ? { hint: one.fix } : {}),
  })
}

async function checkPorts(
  ctx: Pick<Context, 'probe' | 'platform' | 'env'>,
  options: PreflightOptions,
  containers: readonly Container[],
): Promise<AquaError[]> {
  const ours = containers.filter(({ project }) => project === options.project)
  const theirs = containers.filter(({ project }) => project !== options.project)
  const remote = isRemote(ctx.env.DOCKER_HOST)
  const taken: TakenPort[] = []
  const errors: AquaError[] = []
  await Promise.all(
    options.ports.map(async (wanted) => {
      const { port, host } = wanted
      if (ours.some((own) => own.published.some(({ from, to }) => from <= port && port <= to))) return
      // Between two restarts a container lists no port, while the engine's proxy may still hold it for it.
      if (ours.some((own) => own.service === wanted.container && own.published.length === 0)) return
      // A container can publish without a process that listens (userland-proxy off): binding would not notice.
      const other = containerHolder(port, host, theirs)
      if (other) return void taken.push({ wanted, holder: other })
      if (remote) return
      const state = await portState(port, host, ctx.platform)
      if (state === 'no-such-address') errors.push(addressError(wanted, options.stage))
      if (state === 'taken')
        taken.push({ wanted, holder: (await portHolder(port, host, ctx)) ?? { kind: 'hidden', user: undefined } })
    }),
  )
  taken.sort((a, b) => a.wanted.port - b.wanted.port)
  return taken.length > 0 ? [...errors, portError(taken, `env/.env.${options.stage}`)] : errors
}

/** Ports of an engine on another machine cannot be tried from here. */
function isRemote(dockerHost: string | undefined): boolean {
  const [, host] = /^(?:tcp|ssh):\/\/(?:[^@]*@)?([^:/]+)/.exec(dockerHost ?? '') ?? []
  return host !== undefined && !['localhost', '127.0.0.1', hostname()].includes(host)
}

function addressError({ host, port, variable, container }: WantedPort, stage: Stage): AquaError {
  return new AquaError(
    'ADDRESS_MISSING',
    `${container} is to listen on ${host}:${port}, and this machine has no address ${host}`,
    {
      exit: 'missing',
      hint: `set the address, or ${variable}, in env/.env.${stage}`,
    },
  )
}

/** One error for all: repairing one thing per run would take as many runs as there are things. */
function together(problems: readonly AquaError[]): AquaError {
  const [only] = problems
  if (only && problems.length === 1) return only
  const lines = problems.flatMap(({ message, details, hint }) => [
    message,
    ...details.map((line) => `  ${line}`),
    ...(hint ? [`  hint: ${hint}`] : []),
  ])
  return new AquaError('PREFLIGHT', `${problems.length} things stand in the way of starting`, {
    exit: 'missing',
    details: lines,
    hint: 'aqua doctor shows everything this machine has and lacks',
  })
}
