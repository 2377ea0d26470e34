import os from 'node:os'
import { Duplex } from 'node:stream'

type Done = (error?: Error | null) => void
/** Turns one block into one self-contained piece of output, on another thread. */
export type Pack = (block: Buffer, done: (error: Error | null, packed: Buffer) => void) => void

interface Job {
  block: Buffer
  packed: Buffer | undefined
}

/** libuv's pool has four threads unless told otherwise; one block beside those at work keeps it busy, as several streams share it. */
const inFlight = Math.min(4, os.availableParallelism()) + 1

/**
 * Cuts a stream into blocks that are packed side by side and leave in their order. Never more than `inFlight` blocks are in
 * memory, packed and not yet taken ones among them; their buffers are used again.
 */
export class Blocks extends Duplex {
  readonly #pack: Pack
  readonly #size: number
  readonly #jobs: Job[] = []
  readonly #spare: Buffer[] = []
  #block: Buffer
  #used = 0
  #started = false
  #finished = false
  #wanted = false
  #resume: (() => void) | undefined

  constructor(size: number, pack: Pack) {
    super({ writableHighWaterMark: 256 * 1024, readableHighWaterMark: 256 * 1024 })
    this.#pack = pack
    this.#size = size
    this.#block = Buffer.allocUnsafeSlow(size)
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    this.#fill(chunk, 0, done)
  }

  #fill(chunk: Buffer, from: number, done: Done): void {
    let at = from
    while (at < chunk.length) {
      if (this.#jobs.length >= inFlight) {
        this.#resume = () => this.#fill(chunk, at, done)
        return
      }
      const taken = chunk.copy(this.#block, this.#used, at)
      this.#used += taken
      at += taken
      if (this.#used === this.#size) this.#start()
    }
    done()
  }

  #start(): void {
    const job: Job = { block: this.#block, packed: undefined }
    this.#jobs.push(job)
    this.#started = true
    this.#pack(this.#used === this.#size ? job.block : job.block.subarray(0, this.#used), (error, packed) => {
      if (error) {
        this.destroy(error)
        return
      }
      job.packed = packed
      this.#hand()
    })
    this.#block = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#size)
    this.#used = 0
  }

  /** An empty stream becomes one empty block, so that the output is valid. */
  override _final(done: Done): void {
    if (this.#used > 0 || !this.#started) this.#start()
    this.#finished = true
    this.#hand()
    done()
  }

  override _read(): void {
    this.#wanted = true
    this.#hand()
  }

  #hand(): void {
    for (let job = this.#jobs[0]; this.#wanted && job?.packed; job = this.#jobs[0]) {
      this.#jobs.shift()
      this.#spare.push(job.block)
      this.#wanted = this.push(job.packed)
    }
    if (this.#finished && this.#jobs.length === 0) {
      this.#finished = false
      this.push(null)
    }
    const resume = this.#resume
    if (!resume || this.#jobs.length >= inFlight) return
    this.#resume = undefined
    resume()
  }
}
