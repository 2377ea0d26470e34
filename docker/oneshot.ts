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

function said(run: InitRun, result: CommandResult): AquaError {
  const lines = result.stderr.split('\n').filter((line) => line !== '')
  const own = (kind: 'error' | 'hint') => lines.find((line) => line.includes(`: ${kind}: `))?.replace(/^.*?: \w+: /, '')
  const message = own('error') ?? `${run.name} ${result.code === null ? 'was killed' : `ended with ${result.code}`}`
  const hint = own('hint')
  return new AquaError('INIT_FAILED', message, {
    exit: result.code === 4 || result.code === null ? 'unhealthy' : 'failed',
    details: lines.filter((line) => !/^\w+: (error|hint): /.test(line)).slice(-20),
    ...(hint && { hint }),
  })
}
