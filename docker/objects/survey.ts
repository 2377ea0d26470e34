import type { S3Client } from '@aws-sdk/client-s3'

/** A bucket as somebody sees it who looks with the key in use. */
export interface Surveyed {
  bucket: string
  objects: number
  bytes: number
  versioning: string
  /** private: no policy, keys decide. public: anybody may do something. */
  policy: 'private' | 'public' | 'custom'
}

/** Every bucket with its current objects counted, old versions left out. Walks all names: slow on millions of objects. */
export async function survey(client: S3Client, onBucket: (name: string) => void): Promise<Surveyed[]> {
  const { GetBucketVersioningCommand, ListBucketsCommand, paginateListObjectsV2 } = await import('@aws-sdk/client-s3')
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}))
  const rows: Surveyed[] = []
  for (const { Name: bucket = '' } of Buckets) {
    onBucket(bucket)
    const row: Surveyed = { bucket, objects: 0, bytes: 0, versioning: 'off', policy: await policyOf(client, bucket) }
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket })) {
      row.objects += Contents.length
      row.bytes += Contents.reduce((sum, { Size = 0 }) => sum + Size, 0)
    }
    const versioning = await client.send(new GetBucketVersioningCommand({ Bucket: bucket })).catch(lacks)
    row.versioning = versioning === undefined ? 'unsupported' : (versioning.Status?.toLowerCase() ?? 'off')
    rows.push(row)
  }
  return rows
}

async function policyOf(client: S3Client, bucket: string): Promise<Surveyed['policy']> {
  const { GetBucketPolicyCommand } = await import('@aws-sdk/client-s3')
  const answer = await client.send(new GetBucketPolicyCommand({ Bucket: bucket })).catch((error: unknown) => {
    if (error instanceof Error && error.name === 'NoSuchBucketPolicy') return undefined
    return lacks(error)
  })
  if (!answer?.Policy) return 'private'
  return isPublic(answer.Policy) ? 'public' : 'custom'
}

interface Statement {
  Effect: string
  Principal?: string | Record<string, string | string[]>
}

/** Whether a bucket policy allows something to everybody. */
export function isPublic(policy: string): boolean {
  const { Statement = [] } = JSON.parse(policy) as { Statement?: Statement | Statement[] }
  return [Statement].flat().some(({ Effect, Principal = {} }) => {
    const who = typeof Principal === 'string' ? [Principal] : Object.values(Principal).flat()
    return Effect === 'Allow' && who.includes('*')
  })
}

/** A server without that part of the API. */
function lacks(error: unknown): undefined {
  if (error instanceof Error && ['NotImplemented', 'VersioningNotConfigured'].includes(error.name)) return undefined
  throw error
}
