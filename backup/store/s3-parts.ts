import { createHash } from 'node:crypto'
import { Writable } from 'node:stream'
import { AquaError } from '../../scripts/error.ts'
import type { PartBuffers } from './s3-buffers.ts'

const mebibyte = 1024 * 1024
/** S3's own limits: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const maxParts = 10_000
export const maxObject = 5 * 1024 * 1024 * mebibyte
const smallest = 8 * mebibyte
const tier = 2000

/**
 * Bytes of part `index` (from 0) of a stream that may have `atMost` bytes. 8 MiB where 10,000 of them suffice (78 GiB). Longer
 * streams start small all the same, since most bounds are generous: 2,000 parts each of 8, 16 and 32 MiB (109 GiB), and the
 * rest as large as `atMost` needs, which is 1.3 GiB for the 5 TiB that S3 takes at most.
 */
export function partBytes(index: number, atMost: number): number {
  if (atMost <= maxParts * smallest) return smallest
  if (index < 3 * tier) return smallest * 2 ** Math.floor(index / tier)
  const rest = atMost - 7 * tier * smallest
  return Math.max(4 * smallest, Math.ceil(rest / (maxParts - 3 * tier)))
}

export interface PartTarget {
  name: string
  /** Sends a part, trying again where that helps. Called for several parts at a time. */
  send(part: Buffer, number: number): Promise<void>
}

/**
 * Cuts a stream into parts and sends them, a few at a time. A stream that fits into the first part is not sent: it is left in `only`
 * until `release`. When this has finished, every part has arrived.
 */
export class Parts extends Writable {
  readonly #target: PartTarget
  readonly #buffers: PartBuffers
  readonly #atMost: number
  readonly #sending = new Set<Promise<void>>()
  #part: Buffer | undefined
  #used = 0
  #withdraw = () => {}
  /** Parts begun so far. */
  count = 0
  /** Bytes taken so far. */
  bytes = 0
  only: Buffer = Buffer.alloc(0)

  constructor(target: PartTarget, buffers: PartBuffers, atMost = maxObject) {
    super({ highWaterMark: 256 * 1024 })
    this.#target = target
    this.#buffers = buffers
    this.#atMost = Math.min(atMost, maxObject)
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.bytes += chunk.length
    this.#fill(chunk, 0, done)
  }

  #fill(chunk: Buffer, from: number, done: (error?: Error | null) => void): void {
    let at = from
    while (at < chunk.length) {
      const size = partBytes(this.count, this.#atMost)
      this.#part ??= this.#buffers.take(size)
      const part = this.#part
      if (part === undefined) {
        this.#withdraw = this.#buffers.wait(size, (buffer) => {
          this.#part = buffer
          this.#fill(chunk, at, done)
        })
        return
      }
      const taken = chunk.copy(part, this.#used, at)
      this.#used += taken
      at += taken
      // A full part waits for the next byte: the last part of an object may be short, and the only one is not sent here.
      if (this.#used === part.length && at < chunk.length && !this.#send(done)) return
    }
    done()
  }

  #send(done: (error?: Error | null) => void): boolean {
    const part = this.#part
    if (!part) return true
    if (this.count === maxParts) {
      done(new AquaError('S3_TOO_LONG', `${this.#target.name} is longer than was announced and S3 takes no more parts`))
      return false
    }
    const sent = this.#target.send(part.subarray(0, this.#used), ++this.count).then(
      () => {
        this.#sending.delete(sent)
        this.#buffers.giveBack(part)
      },
      (error) => {
        this.#sending.delete(sent)
        this.#buffers.giveBack(part)
        this.destroy(error)
      },
    )
    this.#sending.add(sent)
    this.#part = undefined
    this.#used = 0
    return true
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.count === 0) {
      this.only = this.#part?.subarray(0, this.#used) ?? this.only
      done()
      return
    }
    if (this.#used > 0 && !this.#send(done)) return
    this.settled().then(() => done(), done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#withdraw()
    // What has finished still has to be read from `only`.
    if (!this.writableFinished) this.release()
    done(error)
  }

  /** Neither `only` nor what was not sent is needed any more. */
  release(): void {
    const part = this.#part
    this.#part = undefined
    if (part) this.#buffers.giveBack(part)
  }

  /** When nothing is on its way any more. */
  async settled(): Promise<void> {
    while (this.#sending.size > 0) await Promise.all(this.#sending)
  }
}

/** Base64, as the Content-MD5 header has it. */
export function md5(body: Uint8Array): string {
  return createHash('md5').update(body).digest('base64')
}
