import type { Bucket } from './s3-bucket.ts'

/**
 * Multipart uploads that nobody completed cost space and show in no listing of objects. Listing the uploads themselves works on AWS;
 * MinIO answers only for the exact name of an object. So a note with that name lies here while an upload is under way.
 */
const notes = '.unfinished/'

function noteOf(bucket: Bucket, name: string) {
  const { Bucket, Key } = bucket.key(name)
  return { Bucket, Key: Key.slice(0, -name.length) + notes + name }
}

export async function note(bucket: Bucket, name: string): Promise<void> {
  await bucket.client.send(new bucket.sdk.PutObjectCommand({ ...noteOf(bucket, name), Body: 'upload under way' }))
}

/** A note that stays behind is removed by the next sweep. */
export async function forget(bucket: Bucket, name: string): Promise<void> {
  await bucket.client.send(new bucket.sdk.DeleteObjectCommand(noteOf(bucket, name))).catch(() => {})
}

/** Abort the uploads of this environment that began before; how many. */
export async function sweepUploads(bucket: Bucket, before: Date): Promise<number> {
  const { client, sdk, folder, settings } = bucket
  let swept = await abortUnder(bucket, folder, before)
  const prefix = folder + notes
  for await (const { Contents = [] } of sdk.paginateListObjectsV2(
    { client },
    { Bucket: settings.bucket, Prefix: prefix },
  ))
    for (const { Key = '', LastModified } of Contents) {
      if (!LastModified || LastModified >= before) continue
      const name = Key.slice(prefix.length)
      swept += await abortUnder(bucket, folder + name, before)
      await client.send(new sdk.DeleteObjectCommand({ Bucket: settings.bucket, Key }))
    }
  return swept
}

/** Abort the uploads of objects whose name begins so; how many. */
export async function abortUnder(bucket: Bucket, prefix: string, before: Date): Promise<number> {
  const { client, sdk, settings } = bucket
  let aborted = 0
  let at: { KeyMarker?: string; UploadIdMarker?: string } = {}
  for (;;) {
    const page = await client.send(
      new sdk.ListMultipartUploadsCommand({ Bucket: settings.bucket, Prefix: prefix, ...at }),
    )
    for (const { Key = '', UploadId, Initiated } of page.Uploads ?? []) {
      if (!Key.startsWith(prefix) || !UploadId || !Initiated || Initiated >= before) continue
      await client.send(new sdk.AbortMultipartUploadCommand({ Bucket: settings.bucket, Key, UploadId }))
      aborted += 1
    }
    if (!page.IsTruncated || !page.NextKeyMarker) return aborted
    at = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker ?? '' }
  }
}
