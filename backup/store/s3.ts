import { Readable } from 'node:stream'
import type { Loaded } from '../../env/load.ts'
import type { Context } from '../../scripts/context.ts'
import { alreadyThere } from './failure.ts'
import { Bucket } from './s3-bucket.ts'
import { PartBuffers } from './s3-buffers.ts'
import { defaultStallMs, type S3Settings, s3Settings } from './s3-client.ts'
import { download, type Fetch } from './s3-download.ts'
import { sweepUploads } from './s3-unfinished.ts'
import { S3Upload } from './s3-upload.ts'
import type { Store, StoredObject, Upload } from './store.ts'

/** The store of an environment in the bucket that the BACKUP_S3_* variables name. */
export function openS3(loaded: Loaded, ctx: Pick<Context, 'now'>): Promise<Store> {
  return connectS3(s3Settings(loaded), loaded.stage, ctx)
}

/** `stallMs`: how long a connection may stand still. */
export async function connectS3(
  settings: S3Settings,
  environment: string,
  ctx: Pick<Context, 'now'>,
  stallMs = defaultStallMs,
): Promise<Store> {
  return new S3Store(await Bucket.open(settings, environment, () => ctx.now(), stallMs), stallMs)
}

/**
 * A folder of a bucket. An object is there when its upload was completed, which happens after the whole stream was sent. S3 may
 * lock objects against deletion, in governance mode: the backup's own key, lost or stolen, cannot remove them, and the
 * bucket's owner still can.
 */
class S3Store implements Store {
  readonly kind = 's3'
  readonly where: string
  readonly #bucket: Bucket
  readonly #stallMs: number
  readonly #buffers = new PartBuffers()

  constructor(bucket: Bucket, stallMs: number) {
    this.#bucket = bucket
    this.#stallMs = stallMs
    this.where = `s3://${bucket.settings.bucket}/${bucket.folder.slice(0, -1)}`
  }

  list(): Promise<StoredObject[]> {
    const { client, sdk, folder, settings } = this.#bucket
    return this.#bucket.attempt('listing', async () => {
      const objects: StoredObject[] = []
      const wanted = { Bucket: settings.bucket, Prefix: folder, Delimiter: '/' }
      for await (const { Contents = [] } of sdk.paginateListObjectsV2({ client }, wanted))
        for (const { Key = '', Size = 0, LastModified } of Contents)
          if (Key !== folder)
            objects.push({ name: Key.slice(folder.length), bytes: Size, storedAt: LastModified ?? new Date(0) })
      return objects
    })
  }

  async create(name: string, atMost?: number): Promise<Upload> {
    const there = await this.#bucket.attempt(`writing ${name}`, () => this.#bucket.bytesOf(name))
    if (there !== undefined) throw alreadyThere(name, this.where)
    return new S3Upload(this.#bucket, this.#buffers, name, atMost)
  }

  write(name: string, text: string): Promise<void> {
    return this.#bucket.attempt(`writing ${name}`, () => this.#bucket.put(name, Buffer.from(text)))
  }

  async read(name: string, signal?: AbortSignal): Promise<Readable> {
    const bucket = this.#bucket
    const stallMs = this.#stallMs
    const doing = `reading ${name}`
    const fetch: Fetch = (at, etag) =>
      bucket.attempt(doing, async () => {
        const range = at > 0 ? { Range: `bytes=${at}-` } : {}
        const same = etag === undefined ? {} : { IfMatch: etag }
        const get = new bucket.sdk.GetObjectCommand({ ...bucket.key(name), ...range, ...same })
        const { Body, ETag, ContentLength } = await bucket.client.send(get, signal ? { abortSignal: signal } : {})
        if (!(Body instanceof Readable) || ContentLength === undefined) throw new Error('an answer without a body')
        return { body: Body, etag: ETag, bytes: at + ContentLength }
      })
    const first = await fetch(0, undefined)
    async function* explained() {
      try {
        yield* download(first, fetch, stallMs)
      } catch (error) {
        throw bucket.failure(error, doing)
      }
    }
    return Readable.from(explained(), { objectMode: false, ...(signal ? { signal } : {}) })
  }

  readText(name: string): Promise<string> {
    const { client, sdk } = this.#bucket
    return this.#bucket.attempt(`reading ${name}`, async () => {
      const { Body } = await client.send(new sdk.GetObjectCommand(this.#bucket.key(name)))
      if (!Body) throw new Error('an answer without a body')
      return Body.transformToString()
    })
  }

  remove(name: string): Promise<void> {
    return this.#bucket.attempt(`removing ${name}`, () => this.#bucket.remove(name))
  }

  sweep(before: Date): Promise<number> {
    return this.#bucket.attempt('sweeping', () => sweepUploads(this.#bucket, before))
  }
}
