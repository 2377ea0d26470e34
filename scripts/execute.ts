import { setTimeout as delay } from 'node:timers/promises'
import { AquaError, Interrupted } from './error.ts'
import type { Output } from './output.ts'
import { type Redactor, Secret } from './secret.ts'
import { type Children, notFound } from './spawn.ts'
import type { CommandOptions, CommandResult, CommandStep, Io, Step } from './step.ts'

export interface StepReport {
  title: string
  effect: Step['effect']
  state: 'done' | 'failed' | 'interrupted'
  seconds: number
}

export interface ExecutorOptions {
  out: Output
  children: Children
  redactor: Redactor
  signal: AbortSignal
  /** Monotonic milliseconds. */
  clock(): number
  /** False for tasks that only look: their answer is the output, not the steps. */
  showSteps: boolean
}

/** The one place that runs steps and spawns processes. */
export class Executor {
  readonly reports: StepReport[] = []
  readonly result: Record<string, unknown> = {}
  readonly #o: ExecutorOptions
  readonly #begun: Step[] = []

  constructor(options: ExecutorOptions) {
    this.#o = options
  }

  async execute(steps: readonly Step[]): Promise<void> {
    try {
      await this.#runAll(steps)
    } catch (error) {
      if (this.#o.signal.aborted) {
        await this.#undo()
        throw this.#o.signal.reason
      }
      throw error
    }
  }

  async #runAll(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      this.#throwIfInterrupted()
      this.#begun.push(step)
      await this.#runStep(step)
    }
  }

  async #undo(): Promise<void> {
    this.#o.children.closing = true
    for (const step of this.#begun.toReversed()) {
      if (!step.onInterrupt) continue
      try {
        await step.onInterrupt(this.#io(() => {}))
      } catch (error) {
        this.#o.out.warn(`cleaning up after "${step.title}" failed: ${error instanceof Error ? error.message : error}`)
      }
    }
  }

  #throwIfInterrupted(): void {
    if (this.#o.signal.aborted) throw this.#o.signal.reason
  }

  async #runStep(step: Step): Promise<void> {
    const { out, clock } = this.#o
    const interactive = 'argv' in step && step.interactive === true
    const shown = this.#o.showSteps && (step.effect !== 'read' || step.slow === true) && !interactive
    let title = step.title
    const startedAt = clock()
    const report = (state: StepReport['state']) => {
      const seconds = Math.round(clock() - startedAt) / 1000
      this.reports.push({ title, effect: step.effect, state, seconds })
      if (shown) out.stepEnd(title, state, seconds)
    }
    if (shown) out.stepStart(title)
    try {
      const io = this.#io((text) => {
        title = text
      })
      if ('act' in step) await step.act(io)
      else if (interactive) await this.#interactive(step)
      else await io.run(step.argv, step)
      this.#throwIfInterrupted()
      report('done')
    } catch (error) {
      report(this.#o.signal.aborted ? 'interrupted' : 'failed')
      throw error
    }
  }

  async #interactive(step: CommandStep): Promise<void> {
    this.remember(step)
    const result = await this.#o.children.interactive(step.argv, step)
    if (result.code !== 0 && !step.okCodes?.includes(result.code ?? -1)) throw failure(step.argv, result, step.explain)
  }

  /** The secrets of a command are known from before it starts. */
  remember(options: CommandOptions): void {
    for (const value of Object.values(options.env ?? {})) if (value instanceof Secret) this.#o.redactor.add(value)
    if (options.input instanceof Secret) this.#o.redactor.add(options.input)
  }

  #io(done: (title: string) => void): Io {
    const { out, children, signal } = this.#o
    const start = () => {
      // Undo steps run after the abort: they are the only ones that may still start something.
      if (signal.aborted && !children.closing) throw signal.reason
    }
    return {
      out,
      signal,
      done,
      steps: (steps) => this.#runAll(steps),
      progress: (text) => out.progress(text),
      result: (value) => Object.assign(this.result, value),
      sleep: async (ms) => {
        await delay(ms, undefined, { signal }).catch(() => {
          throw signal.reason
        })
      },
      probe: async (argv, options = {}) => {
        start()
        this.remember(options)
        return children.run(argv, options)
      },
      run: async (argv, options = {}) => {
        start()
        this.remember(options)
        if (out.verbose) out.childLine(`$ ${argv.join(' ')}`)
        const result = await children.run(argv, options, (line) => out.childLine(line))
        if (signal.aborted && !children.closing) throw signal.reason
        if (result.code === 0 || options.okCodes?.includes(result.code ?? -1)) return result
        throw failure(argv, result, options.explain)
      },
      lines: async (argv, options) => {
        start()
        this.remember(options)
        return children.stream(argv, options, options.onLine)
      },
      stream: (argv, options = {}) => {
        start()
        this.remember(options)
        if (out.verbose) out.childLine(`$ ${argv.join(' ')}`)
        return children.bytes(argv, options, (line) => out.childLine(line))
      },
    }
  }
}

/** The error of a command that failed: which, how, and the end of what it said. */
function failure(argv: readonly string[], result: CommandResult, explain?: CommandStep['explain']): Error {
  const explained = explain?.(result)
  if (explained) return explained
  const program = argv[0] ?? ''
  if (result.code === notFound)
    return new AquaError('PROGRAM_MISSING', `${program} is not installed`, { exit: 'missing', hint: 'aqua doctor' })
  const how = result.code === null ? 'was killed' : `exited with ${result.code}`
  const said = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-20)
  return new AquaError('COMMAND_FAILED', `${argv.slice(0, 3).join(' ')} ${how}`, {
    details: said.filter((line) => line !== ''),
    hint: 'run the same task with --verbose to see everything it printed',
  })
}

const graceMs = 20_000
const forceAfterMs = 1000

/**
 * Ctrl-C: the first asks the children to end and gives them 20 seconds; one after more than a second kills them.
 * A second within that second is npx passing on the same key press.
 */
export function handleSignals(
  controller: AbortController,
  children: Children,
  say: (text: string) => void,
): () => void {
  let first = 0
  const onSignal = (name: 'SIGINT' | 'SIGTERM') => () => {
    // A program that holds the terminal gets the key itself (psql: cancel the query) and decides what it means.
    if (children.handsOff && name === 'SIGINT') return
    const now = performance.now()
    if (first === 0) {
      first = now
      controller.abort(new Interrupted(name))
      children.signal(name)
      if (children.size > 0) say('stopping; Ctrl-C again to force')
      setTimeout(() => children.signal('SIGKILL'), graceMs).unref()
    } else if (now - first > forceAfterMs) {
      children.signal('SIGKILL')
      process.exit(name === 'SIGINT' ? 130 : 143)
    }
  }
  const onInt = onSignal('SIGINT')
  const onTerm = onSignal('SIGTERM')
  process.on('SIGINT', onInt)
  process.on('SIGTERM', onTerm)
  process.on('SIGHUP', onTerm)
  return () => {
    process.off('SIGINT', onInt)
    process.off('SIGTERM', onTerm)
    process.off('SIGHUP', onTerm)
  }
}
