import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Context } from '../../scripts/context.ts'
import { AquaError } from '../../scripts/error.ts'
import type { ActStep, Io } from '../../scripts/step.ts'
import type { Stack } from '../engine.ts'
import { services } from '../services.ts'
import { type Connection, withS3 } from './connect.ts'

type Direction = 'put' | 'get'

/** How long the address of the test is good for. */
const expiresIn = 60

const sum = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/**
 * For each bucket, with its service's own key: bytes go up and come back the same, one of the two ways through a presigned
 * address that carries no key. The object is removed again with all its versions.
 */
export function roundTripStep(ctx: Context, stack: Stack, direction: Direction, size: number): ActStep {
  const pairs = services.flatMap(({ short, buckets }) => buckets.map(({ name }) => ({ short, bucket: name })))
  const verb = direction === 'put' ? 'PUT' : 'GET'
  return {
    title: `presigned ${verb}`,
    effect: 'write',
    would: pairs.map(
      ({ short, bucket }) => `presigned ${verb} of ${size} random bytes in ${bucket} with the key of ${short}`,
    ),
    async act(io) {
      const done: { bucket: string; bytes: number; seconds: number }[] = []
      for (const { short, bucket } of pairs) {
        io.progress(bucket)
        const started = performance.now()
        await roundTrip(ctx, io, stack, { direction, size, short, bucket })
        done.push({ bucket, bytes: size, seconds: Math.round(performance.now() - started) / 1000 })
      }
      io.result({ roundTrips: done })
      io.done(`presigned ${verb}: ${pairs.map(({ bucket }) => bucket).join(', ')}`)
    },
  }
}

interface Trip {
  direction: Direction
  size: number
  short: string
  bucket: string
}

async function roundTrip(ctx: Context, io: Io, stack: Stack, { direction, size, short, bucket }: Trip): Promise<void> {
  const { GetObjectCommand, PutObjectCommand } = await import('@aws-sdk/client-s3')
  const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner')
  const object = { Bucket: bucket, Key: `aqua/round-trip-${randomUUID()}` }
  const bytes = randomBytes(size)
  const clean = () =>
    withS3(ctx, io, stack, 'root', `remove ${object.Key} from ${bucket}`, (connection) => removeAll(connection, object))
  try {
    await withS3(ctx, io, stack, short, `write and read in ${bucket}`, async ({ client, endpoint }) => {
      if (direction === 'put') {
        const url = await getSignedUrl(client, new PutObjectCommand(object), { expiresIn })
        await answer(await fetch(url, { method: 'PUT', body: bytes, signal: io.signal }), 'PUT', endpoint)
      } else await client.send(new PutObjectCommand({ ...object, Body: bytes }))
      let back: Uint8Array
      if (direction === 'get') {
        const url = await getSignedUrl(client, new GetObjectCommand(object), { expiresIn })
        back = await answer(await fetch(url, { signal: io.signal }), 'GET', endpoint)
      } else
        back =
          (await (await client.send(new GetObjectCommand(object))).Body?.transformToByteArray()) ?? new Uint8Array()
      if (sum(back) !== sum(bytes))
        throw new AquaError(
          'S3_CORRUPT',
          `${bucket} gave back ${back.length} other bytes than the ${size} that went in`,
        )
    })
  } catch (error) {
    // The first failure is the one to tell.
    await clean().catch(() => io.out.warn(`${object.Key} may be left in ${bucket}`))
    throw error
  }
  await clean()
}

async function answer(response: Response, verb: string, endpoint: string): Promise<Uint8Array> {
  const body = new Uint8Array(await response.arrayBuffer())
  if (response.ok) return body
  // The address itself is a key for a minute: it is not shown.
  throw new AquaError('S3_PRESIGNED', `${endpoint} answers the presigned ${verb} with ${response.status}`, {
    details: [Buffer.from(body).toString().slice(0, 400)],
    hint: 'a wrong clock on one side is the usual cause',
  })
}

/** The versions of one object, for good: services may not do that. */
async function removeAll({ client }: Connection, object: { Bucket: string; Key: string }): Promise<void> {
  const { DeleteObjectCommand, ListObjectVersionsCommand } = await import('@aws-sdk/client-s3')
  const listed = await client.send(new ListObjectVersionsCommand({ Bucket: object.Bucket, Prefix: object.Key }))
  for (const { VersionId } of [...(listed.Versions ?? []), ...(listed.DeleteMarkers ?? [])])
    await client.send(new DeleteObjectCommand({ ...object, VersionId }))
}
