import type { Readable, Writable } from 'node:stream'
import type { Output } from './output.ts'
import type { Secret } from './secret.ts'

/** read changes nothing, write can be repeated or undone, destroy loses data or running work. */
export type Effect = 'read' | 'write' | 'destroy'

export type EnvMap = Readonly<Record<string, string | Secret | undefined>>

export interface CommandOptions {
  /** Added to the process environment; `undefined` removes a variable. Secrets travel here or in `input`, never in argv. */
  env?: EnvMap | undefined
  cwd?: string | undefined
  /** Written to standard input, which is then closed. */
  input?: string | Secret | undefined
  /** Kill after this many milliseconds; the command then counts as failed. */
  timeoutMs?: number | undefined
  /** Ends the command early, as Ctrl-C would. */
  signal?: AbortSignal | undefined
}

/** The outcome of a finished command. `code` is null when a signal ended it. */
export interface CommandResult {
  code: number | null
  stdout: string
  stderr: string
}

export interface StreamOptions extends CommandOptions {
  /**
   * The output of a command that was started in the same turn, nothing of it read yet: the new command reads it in this process'
   * place, at no cost for it, and when it stops reading the other one notices. `stdin` then takes nothing.
   */
  from?: Readable | undefined
}

/** A running command whose bytes are streamed: nothing of stdout is kept. */
export interface StreamingCommand {
  /** Has an error listener: a command that ends early shows in `ended`, not as a crash. */
  readonly stdin: Writable
  readonly stdout: Readable
  /**
   * Resolves when the command has ended, whatever its exit code; `stderr` is the last 64 KiB of what it said, `stdout` is
   * empty. A missing program has code 127. The end of `stdout` says nothing about success: wait for this as well.
   */
  readonly ended: Promise<CommandResult>
  kill(): void
}

interface StepBase {
  title: string
  effect: Effect
  /** It only reads, and takes seconds: show its line all the same. */
  slow?: boolean
  /** Undo what a half-run of this step leaves behind. Called once, after Ctrl-C or termination, when the children are gone. */
  onInterrupt?: ((io: Io) => Promise<void>) | undefined
}

/** A command, run as it stands: no shell reads it. */
export interface CommandStep extends StepBase, CommandOptions {
  argv: readonly string[]
  /** Hand the terminal over (psql, follow modes): no capture, no progress line. */
  interactive?: boolean
  /** Exit codes that count as success besides 0. */
  okCodes?: readonly number[]
  /** Turns a failing command into an error with a hint. */
  explain?: (result: CommandResult) => Error | undefined
}

/** Work that is not one command: streams, waits, file writes. */
export interface ActStep extends StepBase {
  act(io: Io): Promise<void>
  /** For `--dry-run`: the commands or changes that `act` stands for. */
  would?: readonly string[]
}

export type Step = CommandStep | ActStep

/** What a running step may use. Every process goes through here, so that redaction, dry-run and Ctrl-C hold everywhere. */
export interface Io {
  /** Run to the end, capture, and throw an AquaError when it fails. Lines show as progress. */
  run(
    argv: readonly string[],
    options?: CommandOptions & Partial<Pick<CommandStep, 'okCodes' | 'explain'>>,
  ): Promise<CommandResult>
  /** Run a read-only command and return its outcome whatever it is. */
  probe(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>
  /** Run a command and receive its output line by line as it comes; nothing is kept in memory. */
  lines(
    argv: readonly string[],
    options: CommandOptions & { onLine(line: string, stream: 'stdout' | 'stderr'): void },
  ): Promise<CommandResult>
  /** Start a command for its bytes: dumps, compressors, restores. `options.input` is not used; write to `stdin`. */
  stream(argv: readonly string[], options?: StreamOptions): StreamingCommand
  /** Run further steps in place: for what can only be planned when earlier steps are done. */
  steps(steps: readonly Step[]): Promise<void>
  /** One short line on what is happening now. */
  progress(text: string): void
  /** Replace the step's title in the closing line, e.g. "images: all seven unchanged". */
  done(title: string): void
  /** Merge into the `result` of the JSON envelope. */
  result(value: Record<string, unknown>): void
  /** Wait; rejects at once when interrupted. */
  sleep(ms: number): Promise<void>
  readonly out: Output
  readonly signal: AbortSignal
}
