import { Readable } from 'node:stream'
import type { GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { AquaError } from '../scripts/error.ts'
import type { Source } from './dump.ts'
import { type ObjectServer, objectFailure } from './objectserver.ts'

/** What S3 keeps of an object besides its bytes. Travels as JSON in the `comment` of the tar's extended header. */
export interface ObjectMeta {
  /** To the letter; the path in the tar is for people who unpack it by hand. */
  key: string
  contentType?: string
  cacheControl?: string
  contentDisposition?: string
  contentEncoding?: string
  contentLanguage?: string
  metadata?: Record<string, string>
  tags?: Record<string, string>
}

/** The buckets among `names` that exist. */
export async function presentBuckets(server: ObjectServer, names: readonly string[]): Promise<string[]> {
  const { ListBucketsCommand } = await import('@aws-sdk/client-s3')
  try {
    const { Buckets = [] } = await server.client.send(new ListBucketsCommand({}))
    const there = new Set(Buckets.map(({ Name }) => Name))
    return names.filter((name) => there.has(name))
  } catch (error) {
    throw objectFailure(error, 'listing the buckets', server)
  }
}

/** Every object of a bucket as a tar, made while it is read: one object is on its way at a time, of any size. */
export function bucketSource(server: ObjectServer, bucket: string): Source {
  const controller = new AbortController()
  let settle: (error?: unknown) => void = () => {}
  const finished = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error))
  })
  finished.catch(() => {})
  async function* bytes(): AsyncGenerator<Buffer> {
    try {
      yield* entries(server, bucket, controller.signal)
      // Two empty blocks end a tar.
      yield Buffer.alloc(2 * block)
      settle()
    } catch (error) {
      const failure = objectFailure(error, `reading the bucket ${bucket}`, server)
      settle(failure)
      throw failure
    }
  }
  const readable = Readable.from(bytes(), { objectMode: false, highWaterMark: 256 * 1024 })
  const stop = () => {
    controller.abort()
    readable.destroy()
  }
  return { readable, finished, stop }
}

const block = 512

async function* entries(server: ObjectServer, bucket: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const { GetObjectCommand, paginateListObjectsV2 } = await import('@aws-sdk/client-s3')
  const pages = paginateListObjectsV2({ client: server.client }, { Bucket: bucket })
  for await (const { Contents = [] } of pages)
    for (const { Key = '' } of Contents) {
      signal.throwIfAborted()
      const get = new GetObjectCommand({ Bucket: bucket, Key })
      const object = await server.client.send(get, { abortSignal: signal }).catch((error: unknown) => {
        // Deleted since the listing: as if the listing had come a moment later.
        if (error instanceof Error && error.name === 'NoSuchKey') return undefined
        throw error
      })
      if (object) yield* entry(server, bucket, Key, object)
    }
}

async function* entry(
  server: ObjectServer,
  bucket: string,
  key: string,
  object: GetObjectCommandOutput,
): AsyncGenerator<Buffer> {
  const size = object.ContentLength ?? 0
  const tags = object.TagCount ? await tagsOf(server, bucket, key) : undefined
  yield await header(metaOf(key, object, tags), size, object.LastModified ?? new Date(0))
  let read = 0
  for await (const chunk of object.Body as Readable) {
    read += (chunk as Buffer).length
    yield chunk as Buffer
  }
  if (read !== size)
    throw new AquaError('OBJECT_CUT', `the object ${key} of ${bucket} ended after ${read} of ${size} bytes`)
  yield Buffer.alloc((block - (size % block)) % block)
}

async function tagsOf(server: ObjectServer, bucket: string, key: string): Promise<Record<string, string>> {
  const { GetObjectTaggingCommand } = await import('@aws-sdk/client-s3')
  const { TagSet = [] } = await server.client.send(new GetObjectTaggingCommand({ Bucket: bucket, Key: key }))
  return Object.fromEntries(TagSet.map(({ Key = '', Value = '' }) => [Key, Value]))
}

function metaOf(key: string, object: GetObjectCommandOutput, tags: Record<string, string> | undefined): ObjectMeta {
  const { ContentType, CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, Metadata = {} } = object
  return {
    key,
    ...(ContentType && { contentType: ContentType }),
    ...(CacheControl && { cacheControl: CacheControl }),
    ...(ContentDisposition && { contentDisposition: ContentDisposition }),
    ...(ContentEncoding && { contentEncoding: ContentEncoding }),
    ...(ContentLanguage && { contentLanguage: ContentLanguage }),
    ...(Object.keys(Metadata).length > 0 && { metadata: Metadata }),
    ...(tags && { tags }),
  }
}

async function header(meta: ObjectMeta, size: number, mtime: Date): Promise<Buffer> {
  const { Header, Pax } = await import('tar')
  const path = tarPath(meta.key)
  const extended = new Pax({ path, size, mtime, comment: JSON.stringify(meta) }).encode()
  const plain = Buffer.alloc(block)
  new Header({ path: path.slice(-90), size, mtime, mode: 0o644, type: 'File' }).encode(plain)
  return Buffer.concat([extended, plain])
}

/** A key as a path that unpacks where it should: no empty, `.` or `..` part, no slash at the end. Starts with `objects/`. */
export function tarPath(key: string): string {
  const parts = key.split('/').map((part) => (/^\.{0,2}$/.test(part) ? `%${part.replaceAll('.', '2E')}` : part))
  return `objects/${parts.join('/')}`
}
