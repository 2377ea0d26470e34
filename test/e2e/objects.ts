import {
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  S3Client,
} from '@aws-sdk/client-s3'

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true'

/** A client that is none of aqua's, to look at the server with. */
export function s3(endpoint: string, accessKeyId: string, secretAccessKey: string): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 1,
  })
}

/** The HTTP status and the server's word of a request that is to fail. */
export async function refused(request: Promise<unknown>): Promise<string> {
  try {
    await request
  } catch (error) {
    const { name, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } }
    return `${$metadata?.httpStatusCode} ${name}`
  }
  throw new Error('it was allowed')
}

async function unless<T>(name: string, request: Promise<T>): Promise<T | undefined> {
  return request.catch((error: unknown) => {
    if (error instanceof Error && error.name === name) return undefined
    throw error
  })
}

/** Everything that the bootstrap decides about buckets, as one text: equal means that nothing changed. */
export async function bucketState(client: S3Client): Promise<string> {
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}))
  const all = Buckets.map(async ({ Name: Bucket, CreationDate }) => {
    const rules = await unless(
      'NoSuchLifecycleConfiguration',
      client.send(new GetBucketLifecycleConfigurationCommand({ Bucket })),
    )
    const policy = await unless('NoSuchBucketPolicy', client.send(new GetBucketPolicyCommand({ Bucket })))
    const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket }))
    return JSON.stringify({ Bucket, CreationDate, Status, rules: rules?.Rules, policy: policy?.Policy })
  })
  return (await Promise.all(all)).sort().join('\n')
}

/** Versions, delete markers and unfinished uploads under a prefix. */
export async function traces(client: S3Client, Bucket: string, Prefix: string): Promise<number> {
  const versions = await client.send(new ListObjectVersionsCommand({ Bucket, Prefix }))
  const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix }))
  return [versions.Versions, versions.DeleteMarkers, uploads.Uploads].reduce(
    (sum, list) => sum + (list?.length ?? 0),
    0,
  )
}
