import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { CompletedPart, S3Client } from '@aws-sdk/client-s3'
import { AquaError, hasCode } from '../../scripts/error.ts'

export interface ObjectName {
  Bucket: string
  Key: string
}

/** `s3://bucket/key` or `bucket/key`; undefined where there is no bucket. */
export function objectName(text: string): ObjectName | undefined {
  const [, Bucket, Key = ''] = /^([^/]+)\/?(.*)$/s.exec(text.replace(/^s3:\/\//, '')) ?? []
  return Bucket === undefined ? undefined : { Bucket, Key }
}

/** S3 takes 10,000 parts of 5 MiB or more. So much is held in memory. */
const partBytes = 16 * 2 ** 20
const mostParts = 10_000

/** The next full part of a stream, or what is left of it. */
async function* parts(input: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let held: Buffer[] = []
  let length = 0
  for await (const chunk of input) {
    held.push(chunk)
    length += chunk.length
    while (length >= size) {
      const all = Buffer.concat(held)
      yield all.subarray(0, size)
      held = [all.subarray(size)]
      length = all.length - size
    }
  }
  yield Buffer.concat(held)
}

/**
 * Send a stream of unknown length: in one piece if it is short, else in parts. The object is there whole or not at all: an
 * error on the way ends the upload and removes its parts. `expected`: bytes that must have come, where they are known.
 */
export async function upload(
  client: S3Client,
  object: ObjectName,
  input: AsyncIterable<Buffer>,
  options: { expected?: number; signal: AbortSignal; onBytes(sent: number): void },
): Promise<number> {
  const s3 = await import('@aws-sdk/client-s3')
  const { expected, signal: abortSignal, onBytes } = options
  const size = Math.max(partBytes, Math.ceil((expected ?? 0) / (mostParts - 1)))
  const whole = (sent: number) => {
    if (expected !== undefined && sent !== expected)
      throw new AquaError(
        'S3_SHORT',
        `the source gave ${sent} bytes instead of ${expected}: it changed while it was read`,
      )
  }
  let id: string | undefined
  let sent = 0
  const done: CompletedPart[] = []
  try {
    for await (const part of parts(input, size)) {
      sent += part.length
      if (id === undefined && part.length < size) {
        whole(sent)
        await client.send(new s3.PutObjectCommand({ ...object, Body: part }), { abortSignal })
        return sent
      }
      id ??= (await client.send(new s3.CreateMultipartUploadCommand(object), { abortSignal })).UploadId
      if (part.length > 0) {
        const PartNumber = done.length + 1
        const { ETag } = await client.send(
          new s3.UploadPartCommand({ ...object, UploadId: id, PartNumber, Body: part }),
          { abortSignal },
        )
        done.push({ ETag, PartNumber })
      }
      onBytes(sent)
    }
    whole(sent)
    const MultipartUpload = { Parts: done }
    await client.send(new s3.CompleteMultipartUploadCommand({ ...object, UploadId: id, MultipartUpload }), {
      abortSignal,
    })
    return sent
  } catch (error) {
    if (id !== undefined)
      await client.send(new s3.AbortMultipartUploadCommand({ ...object, UploadId: id })).catch(() => {})
    throw error
  }
}

/** Fetch an object: into a file, which is there whole or not at all, or into a stream. Returns the bytes. */
export async function download(
  client: S3Client,
  object: ObjectName,
  to: string | NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<number> {
  const { GetObjectCommand } = await import('@aws-sdk/client-s3')
  const { Body, ContentLength } = await client.send(new GetObjectCommand(object), { abortSignal: signal })
  let bytes = 0
  const counted = async function* (source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      bytes += chunk.length
      yield chunk
    }
    if (ContentLength !== undefined && bytes !== ContentLength)
      throw new AquaError('S3_SHORT', `${object.Key} ended after ${bytes} of ${ContentLength} bytes`)
  }
  if (typeof to !== 'string') {
    try {
      await pipeline(Body as Readable, counted, to, { signal, end: false })
    } catch (error) {
      // Who reads on the other side has enough: `| head`.
      if (!hasCode(error, 'EPIPE')) throw error
    }
    return bytes
  }
  const temporary = path.join(path.dirname(to), `.${path.basename(to)}.${randomUUID().slice(0, 8)}`)
  try {
    await pipeline(Body as Readable, counted, fs.createWriteStream(temporary, { flags: 'wx' }), { signal })
    await fs.promises.rename(temporary, to)
  } catch (error) {
    await fs.promises.rm(temporary, { force: true })
    if (hasCode(error, 'ENOENT', 'EACCES', 'EISDIR', 'ENOSPC'))
      throw new AquaError('FILE', `${to} cannot be written (${error.code})`, { cause: error })
    throw error
  }
  return bytes
}
