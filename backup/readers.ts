import { Writable } from 'node:stream'

const block = 512

/** Reads a tar archive to its end without keeping anything: an error when a header is damaged or the end is missing. */
export class TarCheck extends Writable {
  readonly #header = Buffer.alloc(block)
  #used = 0
  /** Bytes of the current member that are still to come, padding included. */
  #skip = 0
  #zeroBlocks = 0
  #blocks = 0
  members = 0

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at)
        this.#skip -= skipped
        at += skipped
        continue
      }
      const taken = chunk.copy(this.#header, this.#used, at)
      this.#used += taken
      at += taken
      if (this.#used < block) continue
      this.#used = 0
      const problem = this.#next()
      if (problem) {
        done(new Error(`the tar archive is damaged: ${problem} at block ${this.#blocks}`))
        return
      }
    }
    done()
  }

  #next(): string | undefined {
    const header = this.#header
    this.#blocks += 1
    if (header.every((byte) => byte === 0)) {
      this.#zeroBlocks += 1
      return undefined
    }
    if (this.#zeroBlocks > 0) return 'data after the end'
    let sum = 8 * 0x20
    for (let i = 0; i < block; i++) if (i < 148 || i >= 156) sum += header[i] ?? 0
    if (sum !== octal(header.subarray(148, 156))) return 'a header whose checksum is wrong'
    const bytes = sizeOf(header.subarray(124, 136))
    if (!Number.isSafeInteger(bytes)) return 'a member without a size'
    this.#skip = Math.ceil(bytes / block) * block
    this.#blocks += this.#skip / block
    this.members += 1
    return undefined
  }

  override _final(done: (error?: Error) => void): void {
    const whole = this.#skip === 0 && this.#used === 0 && this.#zeroBlocks >= 2
    done(whole ? undefined : new Error('the tar archive is cut short'))
  }
}

function octal(field: Buffer): number {
  const text = field
    .toString('latin1')
    .replace(/[\0 ]+$/, '')
    .trimStart()
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN
}

/** GNU's base-256 where the size does not fit into eleven octal digits. */
function sizeOf(field: Buffer): number {
  return field[0] === 0x80 ? Number(BigInt(`0x${field.subarray(1).toString('hex')}`)) : octal(field)
}

/** SQL as UTF-8, which has no NUL. */
export class TextCheck extends Writable {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true })
  #empty = true

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    try {
      this.#decoder.decode(chunk, { stream: true })
      this.#empty = false
      done(chunk.includes(0) ? new Error('a text that holds a NUL') : undefined)
    } catch {
      done(new Error('no text in UTF-8'))
    }
  }

  override _final(done: (error?: Error) => void): void {
    try {
      this.#decoder.decode()
      done(this.#empty ? new Error('an empty text') : undefined)
    } catch {
      done(new Error('the text is cut short'))
    }
  }
}
