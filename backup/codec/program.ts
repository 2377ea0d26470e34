import { Duplex } from 'node:stream'
import type { CommandResult, StreamingCommand } from '../../scripts/step.ts'

/**
 * A program between its standard input and output. The stream ends when the program has exited well and not before: the
 * end of its output says nothing.
 */
export class Program extends Duplex {
  readonly #command: StreamingCommand
  readonly #check: (result: CommandResult) => Error | undefined
  #ended = false

  /** `check`: what is wrong with how the program ended, if anything is. */
  constructor(command: StreamingCommand, check: (result: CommandResult) => Error | undefined) {
    super()
    this.#command = command
    this.#check = check
    command.stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) command.stdout.pause()
    })
    // Not 'end': a program that could not be started has none.
    command.stdout.once('close', () => void this.#finish())
    command.stdout.on('error', (error) => this.destroy(error))
  }

  async #finish(): Promise<void> {
    try {
      const result = await this.#command.ended
      this.#ended = true
      const failure = this.#check(result)
      if (failure) throw failure
      this.push(null)
    } catch (error) {
      this.destroy(error as Error)
    }
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#command.stdin.write(chunk, (error) => {
      // It went away before it had read everything: why, says its exit code, in #finish.
      if (!error) done()
    })
  }

  override _final(done: () => void): void {
    this.#command.stdin.end()
    done()
  }

  override _read(): void {
    this.#command.stdout.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#ended) this.#command.kill()
    done(error)
  }
}
