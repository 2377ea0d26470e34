import { Duplex } from 'node:stream'

/** One of Node's decompressors; `bytesWritten` is what it has made use of. */
export type Inflater = Duplex & { readonly bytesWritten: number }
type Done = (error?: Error | null) => void

/**
 * Decompresses frames (gzip members, zstd frames) until the input ends. Node's own streams end at the first byte that is no
 * part of the frame and drop the rest in silence: zstd then loses every frame after the first, gzip ignores what follows.
 * Here the rest must be a frame as well, or it is an error; so are a frame cut short and no data at all.
 */
export class Frames extends Duplex {
  readonly #make: () => Inflater
  #engine: Inflater | undefined
  /** What the engine has been given and has not asked for more after. */
  #pending: { chunk: Buffer; before: number; done: Done } | undefined

  constructor(make: () => Inflater) {
    super()
    this.#make = make
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    this.#engine ??= this.#start()
    this.#feed(this.#engine, chunk, done)
  }

  #feed(engine: Inflater, chunk: Buffer, done: Done): void {
    const before = engine.bytesWritten
    this.#pending = { chunk, before, done }
    engine.write(chunk, (error) => {
      // Not all of it was of use: the engine ends, and `#ended` sees to the rest.
      if (error || engine.bytesWritten - before < chunk.length) return
      this.#pending = undefined
      done()
    })
  }

  #start(): Inflater {
    const engine = this.#make()
    engine.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) engine.pause()
    })
    engine.on('error', (error) => this.destroy(error))
    engine.once('end', () => this.#ended(engine))
    return engine
  }

  #ended(engine: Inflater): void {
    const pending = this.#pending
    if (!pending) {
      this.push(null)
      return
    }
    const rest = pending.chunk.subarray(engine.bytesWritten - pending.before)
    this.#engine = undefined
    engine.destroy()
    if (engine.bytesWritten === 0) this.destroy(new Error('what follows the compressed data is no such data'))
    else this._write(rest, 'buffer', pending.done)
  }

  override _final(done: Done): void {
    this.#engine?.end()
    done(this.#engine ? null : new Error('no compressed data at all'))
  }

  override _read(): void {
    this.#engine?.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#engine?.destroy()
    done(error)
  }
}
