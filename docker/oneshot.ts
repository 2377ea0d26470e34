import { AquaError } from '../scripts/error.ts'
import type { CommandResult, EnvMap, Io } from '../scripts/step.ts'
import { compose, type Stack } from './engine.ts'
import { containersOf, serviceOf } from './inspect.ts'
import type { Backing } from './services.ts'

export interface InitRun {
  /** The one-shot of the compose files that does the work, with the values it always gets. */
  name: Backing['name']
  /** The container that it works on; undefined when that is elsewhere. */
  of: Backing['name'] | undefined
  env?: EnvMap
  timeoutMs: number
}

/** The command of `runInit`, for `--dry-run`. */
export function initArgv(stack: Stack, { name, env = {} }: InitRun): string[] {
  const variables = Object.keys(env).flatMap((variable) => ['--env', variable])
  return compose(stack, 'run', '--rm', '--no-deps', '-T', ...variables, name)
}

/**
 * Run a one-shot again, as plain Compose runs it at every start, and return its lines: one for each thing that it changed.
 * Its own words for a failure, `<script>: error: …` and `<script>: hint: …`, become the error.
 */
export async function runInit(io: Pick<Io, 'probe' | 'run'>, stack: Stack, run: InitRun): Promise<string[]> {
  const containers = run.of === undefined ? [] : await containersOf(io, stack.docker, stack.project)
  const found = containers.find((container) => serviceOf(container) === run.of)
  if (run.of !== undefined && found?.State.Status !== 'running')
    throw new AquaError('NOT_RUNNING', `${run.of} of ${stack.project} is not running`, {
      hint: `aqua up ${stack.stage}`,
    })
  const { stdout } = await io.run(initArgv(stack, run), {
    env: { ...stack.env, ...run.env },
    timeoutMs: run.timeoutMs,
    explain: (result) => said(run, result),
  })
  return stdout.split('\n').filter((line) => line !== '')
}

/**
 * What `runInit` would print, for `--dry-run`: the one-shot looks, and changes nothing. Undefined where nothing of the stack runs
 * that it could look at.
 */
export async function lookInit(ctx: Pick<Io, 'probe'>, stack: Stack, run: InitRun): Promise<string[] | undefined> {
  const containers = await containersOf(ctx, stack.docker, stack.project)
  const running = containers.filter(({ State }) => State.Status === 'running')
  // Also where it works elsewhere: Compose would make the network of a stack that is down.
  if (!running.some((container) => run.of === undefined || serviceOf(container) === run.of)) return undefined
  const look: InitRun = { ...run, env: { ...run.env, LOOK_ONLY: 'yes' } }
  const result = await ctx.probe(initArgv(stack, look), {
    env: { ...stack.env, ...look.env },
    timeoutMs: run.timeoutMs,
  })
  if (result.code !== 0) throw said(run, result)
  return result.stdout.split('\n').filter((line) => line !== '')
}

/** What a one-shot that failed said of it, and the lines that are none of that. */
export function lastWords(lines: readonly string[]): {
  error: string | undefined
  hint: string | undefined
  rest: string[]
} {
  const pattern = /^\w+: (error|hint): (.*)$/
  const own = new Map<string, string>()
  for (const line of lines) {
    const [, kind, text] = pattern.exec(line) ?? []
    if (kind !== undefined && text !== undefined) own.set(kind, text)
  }
  return { error: own.get('error'), hint: own.get('hint'), rest: lines.filter((line) => !pattern.test(line)) }
}

function said(run: InitRun, result: CommandResult): AquaError {
  const { error, hint, rest } = lastWords(result.stderr.split('\n').filter((line) => line !== ''))
  const message = error ?? `${run.name} ${result.code === null ? 'was killed' : `ended with ${result.code}`}`
  return new AquaError('INIT_FAILED', message, {
    exit: result.code === 4 || result.code === null ? 'unhealthy' : 'failed',
    details: rest.slice(-20),
    ...(hint && { hint }),
  })
}
