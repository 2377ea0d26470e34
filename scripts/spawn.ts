import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { type Readable, Writable } from 'node:stream'
import { unwrap } from './secret.ts'
import type { CommandOptions, CommandResult, StreamingCommand, StreamOptions } from './step.ts'

/** What a shell answers for a program that is not there. */
export const notFound = 127

/** How much of a streaming command's stderr is kept, in characters. */
const keptStderr = 65_536

/**
 * The children of this run. Each leads a process group of its own, so that the terminal's Ctrl-C reaches aqua alone
 * and aqua decides who is told what, in which order.
 */
export class Children {
  readonly #live = new Set<ChildProcess>()
  readonly #environment: Readonly<Record<string, string | undefined>>
  #signalled = false
  /** Set once: from then on nothing new starts except cleaning up. */
  closing = false
  /** An interactive program holds the terminal. */
  handsOff = false

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment
    process.once('exit', () => this.signal('SIGKILL'))
  }

  signal(name: NodeJS.Signals): void {
    this.#signalled = true
    for (const child of this.#live) signalGroup(child, name)
  }

  get size(): number {
    return this.#live.size
  }

  #environmentOf(options: CommandOptions): NodeJS.ProcessEnv {
    const env: NodeJS.ProcessEnv = { ...this.#environment }
    for (const [name, value] of Object.entries(options.env ?? {})) {
      if (value === undefined) delete env[name]
      else env[name] = unwrap(value)
    }
    return env
  }

  #track(child: ChildProcess, options: CommandOptions): void {
    this.#live.add(child)
    const end = () => {
      if (this.#live.has(child)) signalGroup(child, 'SIGINT')
    }
    options.signal?.addEventListener('abort', end, { once: true })
    child.once('close', () => {
      this.#live.delete(child)
      // What it left running in its group was told too and did not listen (a shell's background job ignores SIGINT).
      if (this.#signalled) signalGroup(child, 'SIGKILL')
      options.signal?.removeEventListener('abort', end)
    })
    if (options.timeoutMs === undefined) return
    const timer = setTimeout(() => {
      if (this.#live.has(child)) signalGroup(child, 'SIGKILL')
    }, options.timeoutMs)
    child.once('close', () => clearTimeout(timer))
  }

  /** Run to the end and capture. `onLine` sees every line as it comes. A missing program gives code 127. */
  async run(argv: readonly string[], options: CommandOptions, onLine?: (line: string) => void): Promise<CommandResult> {
    const { $ } = await import('zx/core')
    // Ctrl-C while zx was being loaded: nobody would tell a child that starts now.
    if (this.#signalled && !this.closing) return { code: null, stdout: '', stderr: '' }
    const command = $({
      cwd: options.cwd ?? process.cwd(),
      env: this.#environmentOf(options),
      input: options.input === undefined ? '' : unwrap(options.input),
      nothrow: true,
      quiet: true,
      verbose: false,
      detached: true,
      // zx's default prefix is for scripts; here bash only quotes and starts one program, and gives way to it.
      prefix: 'exec ',
      postfix: '',
    })`${argv}`
    if (command.child) this.#track(command.child, options)
    // A command that ends before it has read its input: its exit code tells.
    command.child?.stdin?.on('error', () => {})
    // zx leaves the pipe open when there is nothing to write: a program that reads would wait for ever.
    if (!options.input || unwrap(options.input) === '') command.child?.stdin?.end()
    if (onLine) {
      eachLine(command.stdout, onLine)
      eachLine(command.stderr, onLine)
    }
    const output = await command
    return { code: output.exitCode, stdout: output.stdout, stderr: output.stderr }
  }

  /** Run with lines handed on as they come and nothing kept: for output without an end. */
  async stream(
    argv: readonly string[],
    options: CommandOptions,
    onLine: (line: string, stream: 'stdout' | 'stderr') => void,
  ): Promise<CommandResult> {
    const child = this.start(argv, options, ['ignore', 'pipe', 'pipe'])
    if (child.stdout) eachLine(child.stdout, (line) => onLine(line, 'stdout'))
    if (child.stderr) eachLine(child.stderr, (line) => onLine(line, 'stderr'))
    return ended(child)
  }

  /** Hand the terminal over: same process group, so that keys reach the child. */
  async interactive(argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
    const [program = '', ...rest] = argv
    this.handsOff = true
    try {
      return await ended(
        spawn(program, rest, { stdio: 'inherit', cwd: options.cwd, env: this.#environmentOf(options) }),
      )
    } finally {
      this.handsOff = false
    }
  }

  /** For its bytes: zx would buffer them. */
  bytes(argv: readonly string[], options: StreamOptions, onLine: (line: string) => void): StreamingCommand {
    const child = this.start(argv, options, [options.from ?? 'pipe', 'pipe', 'pipe'])
    // The child has it: kept open here, its writer would not notice the child's end.
    options.from?.destroy()
    const stdin = options.from ? new Writable().destroy() : child.stdin
    const { stdout, stderr } = child
    if (!stdin || !stdout || !stderr) throw new Error('a child without pipes')
    let said = ''
    stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-keptStderr)
    })
    eachLine(stderr, onLine)
    // A command that ends before it has read everything: its exit code tells, EPIPE would only hide it.
    stdin.on('error', () => {})
    return {
      stdin,
      stdout,
      ended: ended(child).then((result) => ({ ...result, stderr: result.stderr || said })),
      kill: () => signalGroup(child, 'SIGKILL'),
    }
  }

  /** A raw child. */
  start(argv: readonly string[], options: CommandOptions, stdio: StdioOptions): ChildProcess {
    const [program = '', ...rest] = argv
    const child = spawn(program, rest, { stdio, cwd: options.cwd, env: this.#environmentOf(options), detached: true })
    this.#track(child, options)
    return child
  }
}

function signalGroup(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, name)
  } catch {
    // Gone between the look and the kill: that is what was wanted.
  }
}

function ended(child: ChildProcess): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' ? resolve({ code: notFound, stdout: '', stderr: error.message }) : reject(error),
    )
    child.once('close', (code) => resolve({ code, stdout: '', stderr: '' }))
  })
}

function eachLine(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', onLine)
}
