import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { Transform } from 'node:stream'

// age v1's payload: HKDF-SHA-256 of the file key with a 16-byte nonce gives the key of a STREAM of 64 KiB chunks, each sealed
// with ChaCha20-Poly1305 under an 11-byte counter and a byte that is 1 for the last chunk. https://age-encryption.org/v1
export const nonceBytes = 16
const chunkBytes = 64 * 1024
const tagBytes = 16
const algorithm = 'chacha20-poly1305'

/** The key of the payload. */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32))
}

/**
 * Holds back what could be the last chunk until it is known whether more follows: only the last one is marked, and only it
 * may be short.
 */
abstract class Chunks extends Transform {
  readonly #size: number
  readonly #pending: Buffer
  #used = 0
  protected readonly nonce = Buffer.alloc(12)
  protected first = true

  constructor(size: number) {
    super({ readableHighWaterMark: 256 * 1024, writableHighWaterMark: 256 * 1024 })
    this.#size = size
    this.#pending = Buffer.allocUnsafeSlow(size)
  }

  protected abstract pass(chunk: Buffer, last: boolean): Buffer

  /** Chunks that arrive whole are not copied. */
  protected passed(data: Buffer): Buffer[] {
    const ready: Buffer[] = []
    let at = 0
    while (at < data.length) {
      if (this.#used === this.#size) {
        ready.push(this.#next(this.#pending, false))
        this.#used = 0
      }
      if (this.#used === 0 && data.length - at > this.#size) {
        ready.push(this.#next(data.subarray(at, at + this.#size), false))
        at += this.#size
        continue
      }
      const taken = data.copy(this.#pending, this.#used, at)
      this.#used += taken
      at += taken
    }
    return ready
  }

  protected finish(): Buffer {
    return this.#next(this.#pending.subarray(0, this.#used), true)
  }

  #next(chunk: Buffer, last: boolean): Buffer {
    this.nonce[11] = last ? 1 : 0
    const passed = this.pass(chunk, last)
    this.first = false
    for (let i = 10; i >= 0; i--) {
      const byte = ((this.nonce[i] ?? 0) + 1) & 0xff
      this.nonce[i] = byte
      if (byte !== 0) break
    }
    return passed
  }
}

/** Plain bytes in; `head` (header and nonce), then the sealed chunks out. */
export class Seal extends Chunks {
  readonly #key: Buffer
  #head: Buffer | undefined

  constructor(key: Buffer, head: Buffer) {
    super(chunkBytes)
    this.#key = key
    this.#head = head
  }

  protected pass(chunk: Buffer): Buffer {
    const cipher = createCipheriv(algorithm, this.#key, this.nonce, { authTagLength: tagBytes })
    const sealed = cipher.update(chunk)
    cipher.final()
    return Buffer.concat([sealed, cipher.getAuthTag()], chunk.length + tagBytes)
  }

  #begin(): void {
    if (this.#head) this.push(this.#head)
    this.#head = undefined
  }

  override _transform(data: Buffer, _encoding: string, done: () => void): void {
    this.#begin()
    for (const sealed of this.passed(data)) this.push(sealed)
    done()
  }

  override _flush(done: () => void): void {
    this.#begin()
    this.push(this.finish())
    done()
  }
}

/** Sealed chunks in, plain bytes out. */
export abstract class Open extends Chunks {
  protected key: Buffer | undefined

  constructor() {
    super(chunkBytes + tagBytes)
  }

  protected pass(chunk: Buffer, last: boolean): Buffer {
    if (!this.key) throw new Error('the key is not known yet')
    if (chunk.length < tagBytes) throw new Error('the encrypted data is cut short')
    const length = chunk.length - tagBytes
    if (length === 0 && !this.first) throw new Error('the encrypted data ends in an empty chunk')
    const decipher = createDecipheriv(algorithm, this.key, this.nonce, { authTagLength: tagBytes })
    decipher.setAuthTag(chunk.subarray(length))
    const plain = decipher.update(chunk.subarray(0, length))
    try {
      decipher.final()
    } catch {
      throw new Error(last ? 'the end of the encrypted data is damaged or missing' : 'the encrypted data is damaged')
    }
    return plain
  }
}
