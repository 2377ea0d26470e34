import type { Duplex } from 'node:stream'
import type { Decrypter } from 'age-encryption'
import { AquaError } from '../../scripts/error.ts'
import type { Secret } from '../../scripts/secret.ts'
import { nonceBytes, Open, payloadKey } from './stream.ts'

/** A post-quantum recipient takes some 1.7 KB of header: this is far more than anybody encrypts to. */
const headerLimit = 256 * 1024
const firstLine = 'age-encryption.org/v1\n'

/**
 * A stream that decrypts what was encrypted to one of the identities. Data leaves it before the end has been seen; cut,
 * extended or changed input ends in an error, so wait for the end.
 */
export async function decryptor(identities: readonly Secret[]): Promise<Duplex> {
  const age = await import('age-encryption')
  const decrypter = new age.Decrypter()
  for (const identity of identities) decrypter.addIdentity(identity.reveal())
  return new Decryptor(decrypter)
}

type Done = (error?: Error | null) => void

class Decryptor extends Open {
  readonly #decrypter: Decrypter
  #head: Buffer = Buffer.alloc(0)

  constructor(decrypter: Decrypter) {
    super()
    this.#decrypter = decrypter
  }

  override _transform(data: Buffer, _encoding: string, done: Done): void {
    this.#pass(data).then(() => done(), done)
  }

  async #pass(data: Buffer): Promise<void> {
    const payload = this.key ? data : await this.#header(data)
    if (payload) for (const plain of this.passed(payload)) this.push(plain)
  }

  /** Collects header and nonce; gives what follows them once the key is known. */
  async #header(data: Buffer): Promise<Buffer | undefined> {
    this.#head = Buffer.concat([this.#head, data])
    const start = this.#head.subarray(0, firstLine.length).toString('latin1')
    if (start.length < firstLine.length) return undefined
    if (start !== firstLine)
      throw new Error(
        start.startsWith('-----BEGIN AGE') ? 'it is armored: age -d reads it' : 'it does not begin as an age file',
      )
    const mac = this.#head.indexOf('\n--- ')
    const end = mac === -1 ? -1 : this.#head.indexOf('\n', mac + 1)
    if (end === -1 || this.#head.length < end + 1 + nonceBytes) {
      if (this.#head.length > headerLimit) throw new Error('its age header does not end')
      return undefined
    }
    const nonce = this.#head.subarray(end + 1, end + 1 + nonceBytes)
    this.key = payloadKey(await this.#fileKey(this.#head.subarray(0, end + 1)), nonce)
    const payload = this.#head.subarray(end + 1 + nonceBytes)
    this.#head = Buffer.alloc(0)
    return payload
  }

  async #fileKey(header: Buffer): Promise<Uint8Array> {
    try {
      return await this.#decrypter.decryptHeader(header)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      if (error.message.startsWith('no identity matched'))
        throw new AquaError('IDENTITY_MISMATCH', 'none of the identities at hand opens it', {
          hint: 'set BACKUP_IDENTITY_FILE to the file with the secret key of one of its recipients',
        })
      throw new Error(`its age header is damaged (${error.message})`)
    }
  }

  override _flush(done: (error: Error | null, data?: Buffer) => void): void {
    try {
      if (!this.key) throw new Error('the age header is cut short')
      done(null, this.finish())
    } catch (error) {
      done(error as Error)
    }
  }
}
