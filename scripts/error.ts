/** The exit codes are a contract with scripts, cron jobs and CI; `docs/` and `aqua help exit-codes` print this table. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  missing: 3,
  unhealthy: 4,
  problems: 5,
  refused: 6,
  interrupted: 130,
  terminated: 143,
} as const

export const exitCodeMeaning: Record<number, string> = {
  0: 'done',
  1: 'the task failed',
  2: 'usage: an unknown task, option or value',
  3: 'something this machine lacks (engine, tool, port, image)',
  4: 'not healthy in time',
  5: 'a check found problems',
  6: 'data would be lost, refused',
  130: 'interrupted (Ctrl-C)',
  143: 'terminated',
}

export type ExitName = keyof typeof exitCodes

export interface AquaErrorOptions {
  /** What to do about it: the command to run or the line to change. */
  hint?: string
  exit?: ExitName
  /** Evidence printed between error and hint: a log tail, a probe's output, the list of findings. */
  details?: readonly string[]
  cause?: unknown
}

/**
 * A failure that the person can do something about. The message is one lower-case sentence without a full stop;
 * anything thrown that is not an AquaError is a bug in aqua and prints its stack.
 */
export class AquaError extends Error {
  readonly code: string
  readonly hint: string | undefined
  readonly details: readonly string[]
  readonly exitCode: number

  constructor(code: string, message: string, options: AquaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AquaError'
    this.code = code
    this.hint = options.hint
    this.details = options.details ?? []
    this.exitCode = exitCodes[options.exit ?? 'failed']
  }
}

export class Interrupted extends AquaError {
  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super('INTERRUPTED', signal === 'SIGINT' ? 'interrupted' : 'terminated', {
      exit: signal === 'SIGINT' ? 'interrupted' : 'terminated',
    })
  }
}

/** Help and runner are separate bundles with a class each, so the name decides, not the constructor. */
export function isAquaError(error: unknown): error is AquaError {
  return error instanceof Error && error.name === 'AquaError'
}

/** True for errors of the file system and of spawn that carry a `code` such as ENOENT. */
export function hasCode(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
