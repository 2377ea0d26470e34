import { Duplex, type Readable, type Writable } from 'node:stream'

export interface Engine {
  writable: Writable
  readable: Readable
  /** Called when `readable` has ended and before this side does: throws what is wrong with the whole. */
  verdict(written: number): Promise<void>
  /** What a failing write stands for: a program that went away says why only by its exit code. */
  explain?(error: Error): Promise<Error>
  /** Called when this side goes away before the end. */
  stop(): void
}

/** Two ends of one engine as a single stream whose end says that all went well. */
export class Joined extends Duplex {
  readonly #engine: Engine
  #written = 0
  #whole = false

  constructor(engine: Engine) {
    super()
    this.#engine = engine
    const { readable, writable } = engine
    readable.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) readable.pause()
    })
    readable.once('end', () => {
      engine.verdict(this.#written).then(
        () => {
          this.#whole = true
          this.push(null)
        },
        (error) => this.destroy(error),
      )
    })
    const fail = (error: Error) => void this.#fail(error)
    readable.on('error', fail)
    if ((writable as unknown) !== readable) writable.on('error', fail)
  }

  async #fail(error: Error): Promise<void> {
    this.destroy((await this.#engine.explain?.(error)) ?? error)
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#written += chunk.length
    // The error of a write also arrives as the engine's 'error', or shows in its verdict.
    this.#engine.writable.write(chunk, (error) => (error ? void this.#fail(error) : done()))
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#engine.writable.end()
    done()
  }

  override _read(): void {
    this.#engine.readable.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#whole) this.#engine.stop()
    done(error)
  }
}

/** Node ends the output at the first byte that it cannot use and drops the rest in silence; here that is an error. */
export function inflater(engine: Duplex & { bytesWritten: number }, what: string): Duplex {
  return new Joined({
    writable: engine,
    readable: engine,
    stop: () => engine.destroy(),
    async verdict(written) {
      if (written === 0) throw new Error(`no ${what} data at all`)
      if (engine.bytesWritten < written)
        throw new Error(`${written - engine.bytesWritten} bytes follow the ${what} data`)
    },
  })
}
