import { stripVTControlCharacters } from 'node:util'
import type { AquaError } from './error.ts'
import type { Redactor } from './secret.ts'

export interface OutputOptions {
  stdout: NodeJS.WritableStream
  stderr: NodeJS.WritableStream
  env: Readonly<Record<string, string | undefined>>
  /** stderr is a terminal whose line can be rewritten. */
  live: boolean
  json: boolean
  quiet: boolean
  verbose: boolean
  redactor: Redactor
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/**
 * Everything a person reads. Progress and errors go to stderr, results to stdout, so that `aqua ps | grep` works.
 * With `--json` stdout carries the envelope alone.
 */
export class Output {
  readonly verbose: boolean
  readonly #o: OutputOptions
  readonly #colour: boolean
  #title: string | undefined
  #detail = ''
  #startedAt = 0
  #frame = 0
  #timer: NodeJS.Timeout | undefined
  #heartbeat: NodeJS.Timeout | undefined

  constructor(options: OutputOptions) {
    this.#o = options
    this.verbose = options.verbose
    this.#colour = options.live && !options.env.NO_COLOR && options.env.TERM !== 'dumb'
  }

  #paint(code: string, text: string): string {
    return this.#colour ? `\u001b[${code}m${text}\u001b[0m` : text
  }

  #write(text: string): void {
    this.#clear()
    this.#o.stderr.write(`${this.#o.redactor.clean(text)}\n`)
    this.#draw()
  }

  #clear(): void {
    if (this.#timer) this.#o.stderr.write('\r\u001b[K')
  }

  #draw(): void {
    if (!this.#timer || this.#title === undefined) return
    const width = Math.max(20, ('columns' in this.#o.stderr ? Number(this.#o.stderr.columns) : 80) || 80)
    const seconds = Math.floor((Date.now() - this.#startedAt) / 1000)
    const head = `${frames[this.#frame % frames.length]} ${this.#title}${seconds >= 2 ? ` (${seconds}s)` : ''}`
    const detail = this.#o.redactor.clean(this.#detail)
    const text = [...(detail ? `${head} · ${detail}` : head)].slice(0, width - 1).join('')
    this.#o.stderr.write(`\r\u001b[K${text}`)
  }

  /** A result line: the answer to what was asked. */
  print(text: string): void {
    if (this.#o.json) return
    this.#clear()
    this.#o.stdout.write(`${this.#o.redactor.clean(text)}\n`)
    this.#draw()
  }

  /** A result that is meant for a program or a file: exactly these bytes, also with `--quiet`. */
  raw(text: string): void {
    if (!this.#o.json) this.#o.stdout.write(text)
  }

  /** What was chosen or noticed. */
  note(text: string): void {
    if (this.#o.quiet || this.#o.json) return
    this.#write(this.#paint('2', text))
  }

  warn(text: string): void {
    if (this.#o.env.GITHUB_ACTIONS === 'true') this.#write(`::warning::${escapeWorkflow(text)}`)
    else this.#write(`${this.#paint('33', 'aqua: warning:')} ${text}`)
  }

  /** A line of a child's output, shown with `--verbose` only; otherwise it becomes the progress text. */
  childLine(line: string): void {
    if (this.verbose && !this.#o.json) this.#write(`  ${this.#paint('2', line)}`)
    else this.progress(line)
  }

  progress(text: string): void {
    this.#detail = stripVTControlCharacters(text).replace(/\s+/g, ' ').trim()
    this.#draw()
  }

  stepStart(title: string): void {
    if (this.#o.quiet || this.#o.json) return
    this.#title = title
    this.#detail = ''
    this.#startedAt = Date.now()
    if (this.#o.live) {
      this.#timer = setInterval(() => {
        this.#frame += 1
        this.#draw()
      }, 100)
      this.#timer.unref()
      this.#draw()
      return
    }
    // A log has no line to rewrite: say what is going on after 2 seconds, then every 15.
    this.#heartbeat = setTimeout(() => {
      this.#o.stderr.write(`  … ${title}\n`)
      this.#heartbeat = setInterval(() => {
        const seconds = Math.round((Date.now() - this.#startedAt) / 1000)
        const detail = this.#detail ? ` · ${this.#o.redactor.clean(this.#detail).slice(0, 160)}` : ''
        this.#o.stderr.write(`  … ${title} (${seconds}s)${detail}\n`)
      }, 15_000)
      this.#heartbeat.unref()
    }, 2000)
    this.#heartbeat.unref()
  }

  stepEnd(title: string, state: 'done' | 'failed' | 'interrupted', seconds: number): void {
    if (this.#o.quiet || this.#o.json) return
    this.#clear()
    clearInterval(this.#timer)
    clearTimeout(this.#heartbeat)
    this.#timer = undefined
    this.#title = undefined
    const mark = state === 'done' ? this.#paint('32', '✓') : this.#paint('31', '✗')
    this.#write(`${mark} ${title} ${this.#paint('2', `${seconds.toFixed(1)}s`)}`)
  }

  error(error: AquaError): void {
    const out = this.#o.stderr
    const clean = (text: string) => this.#o.redactor.clean(text)
    if (this.#o.env.GITHUB_ACTIONS === 'true' && !this.#o.json) {
      const hint = error.hint ? ` (${error.hint})` : ''
      out.write(`::error title=aqua ${error.code}::${escapeWorkflow(clean(error.message + hint))}\n`)
    }
    out.write(`${this.#paint('31', 'aqua: error:')} ${clean(error.message)}\n`)
    for (const line of error.details) out.write(`  ${clean(line)}\n`)
    if (error.hint) out.write(`${this.#paint('36', 'aqua: hint:')} ${clean(error.hint)}\n`)
  }
}

/** GitHub's workflow commands end at a line break. */
function escapeWorkflow(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}
