import { Readable, Writable } from 'node:stream'

/** A readable whose end somebody else decides on. */
export class HeldBack extends Readable {
  readonly sink: Writable
  readonly #onClose: () => void
  #more: (() => void) | undefined

  constructor(onClose: () => void) {
    super({ highWaterMark: 256 * 1024 })
    this.#onClose = onClose
    this.sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (this.push(chunk)) done()
        else this.#more = done
      },
    })
  }

  override _read(): void {
    const more = this.#more
    this.#more = undefined
    more?.()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#onClose()
    done(error)
  }
}
