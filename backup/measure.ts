import { createHash } from 'node:crypto'
import { Transform } from 'node:stream'
import type { Measure } from './manifest.ts'

/** Passes everything through, counting bytes and hashing them. */
export class Meter extends Transform {
  readonly #hash = createHash('sha256')
  readonly #onBytes: (soFar: number) => void
  #measure: Measure | undefined
  /** So far. */
  bytes = 0

  constructor(onBytes: (soFar: number) => void = () => {}) {
    super()
    this.#onBytes = onBytes
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error: Error | null, data: Buffer) => void): void {
    this.bytes += chunk.length
    this.#onBytes(this.bytes)
    this.#hash.update(chunk)
    done(null, chunk)
  }

  /** Of what went through. Call when the stream has ended: nothing may follow. */
  measure(): Measure {
    this.#measure ??= { bytes: this.bytes, sha256: this.#hash.digest('hex') }
    return this.#measure
  }
}

/** Counts without hashing, where the length is all that is wanted. */
export class Counter extends Transform {
  bytes = 0

  override _transform(chunk: Buffer, _encoding: string, done: (error: Error | null, data: Buffer) => void): void {
    this.bytes += chunk.length
    done(null, chunk)
  }
}
