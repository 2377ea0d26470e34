import type { Readable } from 'node:stream'
import type { PutObjectCommandInput } from '@aws-sdk/client-s3'
import { AquaError } from '../scripts/error.ts'
import type { Io } from '../scripts/step.ts'
import type { ObjectMeta } from './objects.ts'
import { type ObjectServer, objectFailure } from './objectserver.ts'

const mebibyte = 1024 * 1024
/** Smaller objects go in one request, larger ones in parts of at least this size. S3's least is 5 MiB, its most 10,000 parts. */
const partBytes = 8 * mebibyte
const mostParts = 9000

/**
 * Put the objects of a tar made by `bucketSource` back with all that S3 kept of them. The bucket is made where it is missing;
 * an object of the same key is replaced, others stay. Feed it an archive that has been verified: objects are put while it is
 * read. Resolves with how many objects and bytes there were.
 */
export async function restoreObjects(
  io: Pick<Io, 'signal' | 'progress'>,
  server: ObjectServer,
  bucket: string,
  archive: Readable,
): Promise<{ objects: number; bytes: number }> {
  const { Parser } = await import('tar')
  const done = { objects: 0, bytes: 0 }
  await makeBucket(server, bucket)
  const parser = new Parser({ strict: true })
  const ended = new Promise<void>((resolve, reject) => {
    parser.once('end', resolve).once('error', reject)
  })
  ended.catch(() => {})
  let working: Promise<void> = Promise.resolve()
  let failure: unknown
  parser.on('entry', (entry) => {
    working = working.then(async () => {
      if (failure !== undefined) return void entry.resume()
      try {
        const meta = metaOf(entry.extended?.comment, entry.path)
        await put(io, server, bucket, meta, entry.size, entry as unknown as AsyncIterable<Buffer>)
        done.objects += 1
        done.bytes += entry.size
        io.progress(`${bucket}: ${done.objects} objects`)
      } catch (error) {
        failure = objectFailure(error, `writing to the bucket ${bucket}`, server)
        entry.resume()
      }
    })
  })
  for await (const chunk of archive) {
    io.signal.throwIfAborted()
    if (failure !== undefined) break
    if (!parser.write(chunk as Buffer)) await drained(parser, working)
  }
  if (failure === undefined) {
    parser.end()
    await ended
  }
  await working
  if (failure !== undefined) throw failure
  return done
}

/** The parser holds one entry's data; what it waits for is the request that takes it. */
function drained(parser: NodeJS.EventEmitter, working: Promise<void>): Promise<unknown> {
  return Promise.race([new Promise((resolve) => parser.once('drain', resolve)), working])
}

function metaOf(comment: string | undefined, path: string): ObjectMeta {
  try {
    const meta = JSON.parse(comment ?? '') as ObjectMeta
    if (typeof meta.key === 'string') return meta
  } catch {
    // Said below.
  }
  throw new AquaError('OBJECTS_TAR', `${path} in the tar does not say which object it is`, {
    hint: 'it was not made by aqua backup --buckets',
  })
}

async function makeBucket(server: ObjectServer, bucket: string): Promise<void> {
  const { CreateBucketCommand, HeadBucketCommand } = await import('@aws-sdk/client-s3')
  try {
    await server.client.send(new HeadBucketCommand({ Bucket: bucket })).catch(async (error: unknown) => {
      if (!(error instanceof Error && error.name === 'NotFound')) throw error
      await server.client.send(new CreateBucketCommand({ Bucket: bucket }))
    })
  } catch (error) {
    throw objectFailure(error, `looking for the bucket ${bucket}`, server)
  }
}

async function put(
  io: Pick<Io, 'signal'>,
  server: ObjectServer,
  bucket: string,
  meta: ObjectMeta,
  size: number,
  body: AsyncIterable<Buffer>,
): Promise<void> {
  const { PutObjectCommand } = await import('@aws-sdk/client-s3')
  const target = { Bucket: bucket, Key: meta.key }
  const about = { ...target, ...headers(meta) }
  if (size > partBytes) return putInParts(io, server, target, about, size, body)
  const whole = await collect(body)
  await server.client.send(new PutObjectCommand({ ...about, Body: whole }), { abortSignal: io.signal })
}

async function putInParts(
  io: Pick<Io, 'signal'>,
  { client }: ObjectServer,
  target: { Bucket: string; Key: string },
  about: PutObjectCommandInput,
  size: number,
  body: AsyncIterable<Buffer>,
): Promise<void> {
  const s3 = await import('@aws-sdk/client-s3')
  const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand(about))
  const Parts: { PartNumber: number; ETag: string | undefined }[] = []
  try {
    for await (const Body of pieces(body, Math.max(partBytes, Math.ceil(size / mostParts)))) {
      const PartNumber = Parts.length + 1
      const part = new s3.UploadPartCommand({ ...target, UploadId, PartNumber, Body })
      const { ETag } = await client.send(part, { abortSignal: io.signal })
      Parts.push({ PartNumber, ETag })
    }
    await client.send(new s3.CompleteMultipartUploadCommand({ ...target, UploadId, MultipartUpload: { Parts } }))
  } catch (error) {
    await client.send(new s3.AbortMultipartUploadCommand({ ...target, UploadId })).catch(() => {})
    throw error
  }
}

function headers(meta: ObjectMeta): Omit<PutObjectCommandInput, 'Bucket' | 'Key' | 'Body'> {
  const tags = meta.tags && new URLSearchParams(meta.tags).toString()
  return {
    ContentType: meta.contentType,
    CacheControl: meta.cacheControl,
    ContentDisposition: meta.contentDisposition,
    ContentEncoding: meta.contentEncoding,
    ContentLanguage: meta.contentLanguage,
    Metadata: meta.metadata,
    Tagging: tags,
  }
}

async function collect(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Pieces of exactly `size` bytes, the last one shorter. */
async function* pieces(body: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let held: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    let rest = chunk
    while (length + rest.length >= size) {
      const cut = size - length
      yield Buffer.concat([...held, rest.subarray(0, cut)])
      held = []
      length = 0
      rest = rest.subarray(cut)
    }
    if (rest.length > 0) held.push(rest)
    length += rest.length
  }
  if (length > 0) yield Buffer.concat(held)
}
