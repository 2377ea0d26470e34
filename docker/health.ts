import { AquaError } from '../scripts/error.ts'
import type { Io } from '../scripts/step.ts'
import { type Container, containersOf, lastProbe, serviceOf } from './inspect.ts'
import { lastWords } from './oneshot.ts'
import { backing, services } from './services.ts'

export type Verdict = { state: 'ready' } | { state: 'waiting'; why: string } | { state: 'failed'; why: string }

/**
 * A container that has ended this often since `up` began will not come up by itself. Two, because a service may end once
 * while the schema it refers to is being migrated.
 */
const crashLoop = 2

/** What a container's state means to somebody who waits for it. `restarts`: how often it had restarted before. */
export function judge(container: Container, oneShot: boolean, restarts = 0): Verdict {
  const { Status, ExitCode, OOMKilled, Health, Error: reason } = container.State
  const ended = container.RestartCount - restarts
  if (oneShot && Status === 'exited') {
    return ExitCode === 0 ? { state: 'ready' } : { state: 'failed', why: `ended with ${ExitCode}` }
  }
  if (OOMKilled) return { state: 'failed', why: 'was killed for using more than its memory limit' }
  if (ended >= crashLoop)
    return { state: 'failed', why: `keeps ending (${ended} restarts, last exit code ${ExitCode})` }
  switch (Status) {
    case 'created':
      return reason ? { state: 'failed', why: reason } : { state: 'waiting', why: 'waits for what it needs' }
    case 'running':
      if (oneShot) return { state: 'waiting', why: 'at work' }
      if (!Health || Health.Status === 'none' || Health.Status === 'healthy') return { state: 'ready' }
      if (Health.Status === 'unhealthy') return { state: 'failed', why: 'is unhealthy' }
      return { state: 'waiting', why: lastProbe(container) ?? 'starting' }
    case 'restarting':
      return { state: 'waiting', why: `restarting after exit code ${ExitCode}` }
    case 'exited':
    case 'dead':
      return { state: 'failed', why: `ended with ${ExitCode}` }
    default:
      return { state: 'waiting', why: Status }
  }
}

export interface WaitOptions {
  docker: string
  project: string
  /** Compose services that have to be ready. */
  wanted: ReadonlySet<string>
  /** Seconds. */
  timeout: number
  /** Restart counts before the start, by container id. */
  restartsBefore: ReadonlyMap<string, number>
  /** Ids of containers that compose is about to replace: while it is at work, what they do is no verdict. */
  stale?: ReadonlySet<string>
  /** True while `compose up` is still creating: an absent or freshly ended container is not a verdict yet. */
  creating(): boolean
  /** Nobody waits any more. */
  stop?: AbortSignal
}

const oneShots = new Set(backing.filter((container) => container.oneShot).map((container) => container.name as string))

/** Wait until every wanted container is ready. Throws with exit 4 at the first that cannot become so, or at the deadline. */
export async function waitHealthy(io: Io, options: WaitOptions): Promise<Container[]> {
  const deadline = performance.now() + options.timeout * 1000
  for (;;) {
    options.stop?.throwIfAborted()
    const containers = (await containersOf(io, options.docker, options.project)).filter((one) =>
      options.wanted.has(serviceOf(one)),
    )
    const verdicts = containers.map((container) => ({
      container,
      verdict: judge(container, oneShots.has(serviceOf(container)), options.restartsBefore.get(container.Id)),
    }))
    const creating = options.creating()
    const failed = verdicts.find(
      ({ container, verdict }) => verdict.state === 'failed' && !(creating && leftover(container, options)),
    )
    if (failed) throw await unhealthy(io, options, [failed], 'failed')
    const waiting = verdicts.filter(({ verdict }) => verdict.state !== 'ready')
    const missing = [...options.wanted].filter((name) => !containers.some((one) => serviceOf(one) === name))
    // While compose is at work, what is healthy may be a container that it is about to replace.
    if (waiting.length === 0 && missing.length === 0 && !creating) return containers
    if (!creating && missing.length > 0)
      throw new AquaError('NOT_CREATED', `${missing.join(', ')} has no container`, {
        exit: 'unhealthy',
        hint: 'aqua up --verbose',
      })
    if (performance.now() > deadline) {
      const running = waiting.filter(({ container }) => container.State.Status !== 'created')
      throw await unhealthy(io, options, running.length > 0 ? running : waiting, 'deadline')
    }
    const ready = verdicts.length - waiting.length
    const names = [...waiting.map(({ container }) => serviceOf(container)), ...missing]
    io.progress(`${ready}/${options.wanted.size} ready · waiting for ${names.join(', ')}`)
    await io.sleep(500)
  }
}

/** Ended in an earlier run, or made from other settings or another image: compose is about to start or replace it. */
function leftover(container: Container, options: WaitOptions): boolean {
  if (options.stale?.has(container.Id)) return true
  return container.State.Status === 'exited' && options.restartsBefore.has(container.Id)
}

type Judged = { container: Container; verdict: Verdict }

async function unhealthy(
  io: Io,
  options: WaitOptions,
  found: Judged[],
  cause: 'failed' | 'deadline',
): Promise<AquaError> {
  const details: string[] = []
  let words: ReturnType<typeof lastWords> | undefined
  // Two are enough to read; the rest usually wait for the first.
  for (const { container, verdict } of found.slice(0, 2)) {
    const name = serviceOf(container)
    details.push(`${name}: ${verdict.state === 'ready' ? '' : verdict.why}`)
    const probe = lastProbe(container)
    if (probe) details.push(`  last probe: ${probe}`)
    const logs = await io.probe([options.docker, 'logs', '--tail', '20', container.Id])
    const lines = `${logs.stdout}${logs.stderr}`.split('\n').filter((line) => line.trim() !== '')
    details.push(...lines.slice(-20).map((line) => `  | ${line.slice(0, 300)}`))
    // A one-shot says itself what is wrong, and what to do.
    if (oneShots.has(name)) words ??= lastWords(lines)
  }
  const names = found.map(({ container }) => serviceOf(container))
  const first = found[0]
  const why = first && first.verdict.state !== 'ready' ? first.verdict.why : ''
  const short = (names[0] ?? '').replace(/^backend-/, '')
  const message =
    words?.error ??
    (cause === 'failed' ? `${names[0]} ${why}` : `${names.join(', ')} not healthy after ${options.timeout} s`)
  const again = services.some(({ name }) => name === names[0]) ? `aqua restart ${short}` : 'aqua up'
  const memory = first?.container.State.OOMKilled === true
  return new AquaError('NOT_HEALTHY', message, {
    exit: 'unhealthy',
    details,
    hint: memory
      ? `raise mem_limit of ${names[0]} in docker/compose`
      : (words?.hint ?? `aqua logs ${short} shows more; ${again} tries again; --timeout waits longer`),
  })
}
