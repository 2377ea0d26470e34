import { AquaError } from '../../scripts/error.ts'
import type { Bucket } from './s3-bucket.ts'
import type { PartBuffers } from './s3-buffers.ts'
import { Parts } from './s3-parts.ts'
import { abortUnder, forget, note } from './s3-unfinished.ts'
import type { Upload } from './store.ts'

/**
 * An object on its way to S3: in parts, a few at a time, or in one request when it is small. It is completed by `commit`
 * alone, so that a stream which ended early never becomes an object.
 */
export class S3Upload implements Upload {
  readonly writable: Parts
  readonly #bucket: Bucket
  readonly #name: string
  readonly #sent: { PartNumber: number; ETag: string | undefined }[] = []
  readonly #stop = new AbortController()
  #begun: Promise<string | undefined> | undefined
  /** Something may be there under the name that is not proven good. */
  #doubtful = false
  /** The server was asked more than once to begin: an answer that was lost has left an upload whose number nobody knows. */
  #begunTwice = false

  constructor(bucket: Bucket, buffers: PartBuffers, name: string, atMost: number | undefined) {
    this.#bucket = bucket
    this.#name = name
    const send = (part: Buffer, number: number) => this.#attempt(() => this.#send(part, number))
    this.writable = new Parts({ name, send }, buffers, atMost)
  }

  #attempt<T>(work: () => Promise<T>): Promise<T> {
    return this.#bucket.attempt(`writing ${this.#name}`, work)
  }

  async #begin(): Promise<string | undefined> {
    const { client, sdk } = this.#bucket
    await note(this.#bucket, this.#name)
    const begin = { ...this.#bucket.key(this.#name), ...this.#bucket.attributes() }
    const answer = await client.send(new sdk.CreateMultipartUploadCommand(begin), this.#options())
    this.#begunTwice = (answer.$metadata.attempts ?? 1) > 1
    return answer.UploadId
  }

  async #send(Body: Buffer, PartNumber: number): Promise<void> {
    const { client, sdk } = this.#bucket
    this.#begun ??= this.#begin()
    const key = { ...this.#bucket.key(this.#name), UploadId: await this.#begun }
    const part = { ...key, PartNumber, Body, ...this.#bucket.digest(Body) }
    const { ETag } = await client.send(new sdk.UploadPartCommand(part), this.#options())
    this.#sent.push({ PartNumber, ETag })
  }

  #options() {
    return { abortSignal: this.#stop.signal }
  }

  commit(): Promise<void> {
    return this.#attempt(async () => {
      if (!this.writable.writableFinished) throw new Error('committed before its stream has finished')
      this.#doubtful = true
      if (this.#begun) await this.#complete(this.#begun)
      else await this.#bucket.put(this.#name, this.writable.only)
      this.writable.release()
      const bytes = await this.#bucket.bytesOf(this.#name)
      if (bytes !== this.writable.bytes)
        throw new AquaError(
          'S3_SIZE',
          `${this.#name} has ${bytes ?? 'no'} bytes in S3 after ${this.writable.bytes} were sent`,
        )
      this.#doubtful = false
      // Whole by now: what fails from here on is left to the next sweep, which the note tells of it.
      if (this.#begun) await this.#tidy(this.#begunTwice).catch(() => {})
    })
  }

  /** `others`: uploads of this name that have begun besides. */
  async #tidy(others: boolean): Promise<void> {
    if (others) await abortUnder(this.#bucket, this.#bucket.key(this.#name).Key, new Date(8.64e15))
    await forget(this.#bucket, this.#name)
  }

  async #complete(begun: Promise<string | undefined>): Promise<void> {
    const { client, sdk } = this.#bucket
    const Parts = this.#sent.sort((a, b) => a.PartNumber - b.PartNumber)
    const complete = { ...this.#bucket.key(this.#name), UploadId: await begun, MultipartUpload: { Parts } }
    try {
      await client.send(new sdk.CompleteMultipartUploadCommand(complete))
    } catch (error) {
      // A second try whose first one did arrive: the length, which is asked for next, tells.
      if (!(error instanceof Error) || error.name !== 'NoSuchUpload') throw error
    }
  }

  /** Should the server be out of reach, the sweep of a later run removes what is left. */
  async abort(): Promise<void> {
    const { client, sdk } = this.#bucket
    this.#stop.abort()
    this.writable.destroy()
    await this.writable.settled()
    this.writable.release()
    if (this.#doubtful) await this.#bucket.remove(this.#name).catch(() => {})
    if (!this.#begun) return
    const key = this.#bucket.key(this.#name)
    const UploadId = await this.#begun.catch(() => undefined)
    try {
      if (UploadId) await client.send(new sdk.AbortMultipartUploadCommand({ ...key, UploadId }))
      // Without a number it may have begun all the same, and the answer was lost.
      await this.#tidy(UploadId === undefined || this.#begunTwice)
    } catch {
      // The note stays, and with it the next sweep finds the upload.
    }
  }
}
