import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { type Loaded, plain } from '../../env/load.ts'
import { AquaError, hasCode, isAquaError } from '../../scripts/error.ts'

export interface S3Settings {
  bucket: string
  /** Without slashes at its ends; may be empty. */
  prefix: string
  /** Undefined for AWS. */
  endpoint: string | undefined
  region: string
  accessKeyId: string
  secretAccessKey: string
  storageClass?: string
  encryption?: string
  /** Uploads cannot be deleted until then, counted from the upload. */
  lockDays?: number
}

/** No byte in either direction for so long, and the attempt has failed. */
export const defaultStallMs = 60_000

/** One request is tried so often, with growing pauses, when the server is at fault or silent. */
const attempts = 5

/** The BACKUP_S3_* variables. Refuses what is missing or out of shape. */
export function s3Settings(loaded: Loaded): S3Settings {
  const get = (name: string) => plain(loaded, name) ?? ''
  const bucket = get('BACKUP_S3_BUCKET')
  if (!bucket) throw unset('BACKUP_S3_BUCKET', 'there is no S3 bucket for backups', loaded)
  const [accessKeyId, secretAccessKey] = [get('BACKUP_S3_ACCESS_KEY'), get('BACKUP_S3_SECRET_KEY')]
  if (!accessKeyId) throw unset('BACKUP_S3_ACCESS_KEY', `there is no access key for ${bucket}`, loaded)
  if (!secretAccessKey) throw unset('BACKUP_S3_SECRET_KEY', `there is no secret key for ${bucket}`, loaded)
  const days = get('BACKUP_S3_LOCK_DAYS')
  if (days && !/^[1-9]\d{0,4}$/.test(days))
    throw new AquaError('BACKUP_S3_LOCK_DAYS', `BACKUP_S3_LOCK_DAYS is ${days} and has to be a number of days`, {
      exit: 'usage',
    })
  const encryption = get('BACKUP_S3_SSE')
  if (encryption && encryption !== 'AES256' && encryption !== 'aws:kms')
    throw new AquaError('BACKUP_S3_SSE', `BACKUP_S3_SSE is ${encryption} and has to be AES256 or aws:kms`, {
      exit: 'usage',
    })
  const storageClass = get('BACKUP_S3_STORAGE_CLASS')
  return {
    bucket,
    prefix: get('BACKUP_S3_PREFIX').replace(/^\/+|\/+$/g, ''),
    endpoint: get('BACKUP_S3_ENDPOINT') || undefined,
    region: get('BACKUP_S3_REGION') || 'us-east-1',
    accessKeyId,
    secretAccessKey,
    ...(storageClass ? { storageClass } : {}),
    ...(encryption ? { encryption } : {}),
    ...(days ? { lockDays: Number(days) } : {}),
  }
}

function unset(name: string, message: string, loaded: Loaded): AquaError {
  return new AquaError('S3_UNSET', message, { exit: 'missing', hint: `set ${name} in ${loaded.file}` })
}

/** Checksum trailers, the default of the SDK, break some servers that are otherwise fine: only where S3 demands one. */
export async function s3Client(settings: S3Settings, stallMs: number): Promise<S3Client> {
  const { S3Client } = await import('@aws-sdk/client-s3')
  // Its eight lines about the age of this Node belong to aqua doctor, not into every backup's log.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true'
  const config: S3ClientConfig = {
    region: settings.region,
    credentials: { accessKeyId: settings.accessKeyId, secretAccessKey: settings.secretAccessKey },
    maxAttempts: attempts,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: Math.min(10_000, stallMs), socketTimeout: stallMs },
    ...(settings.endpoint ? { endpoint: settings.endpoint, forcePathStyle: true } : {}),
  }
  return new S3Client(config)
}

interface Answer {
  name?: string
  $metadata?: { httpStatusCode?: number }
  $response?: { statusCode?: number }
}

/** The HTTP status that an error of the client stands for; undefined when no answer came. */
export function statusOf(error: unknown): number | undefined {
  const { $metadata, $response } = error as Answer
  return $metadata?.httpStatusCode ?? $response?.statusCode
}

/** What a failed request means to people: which bucket, which status, what to do. */
export function s3Failure(error: unknown, doing: string, settings: Pick<S3Settings, 'bucket' | 'endpoint'>): Error {
  if (isAquaError(error) || !(error instanceof Error)) return error as Error
  const bucket = `s3://${settings.bucket}`
  const status = statusOf(error)
  const say = (code: string, what: string, hint: string) =>
    new AquaError(code, `${doing} in ${bucket} failed: ${what}`, { hint, cause: error })
  if (status === undefined) {
    const server = settings.endpoint ?? 'AWS'
    // The client calls a connection that was reset a TimeoutError too.
    if (error.name === 'TimeoutError' && !hasCode(error, 'ECONNRESET', 'EPIPE'))
      return say('S3_STALLED', `${server} does not answer in time`, 'is the server up and the network fast enough?')
    return say(
      'S3_UNREACHABLE',
      `no answer from ${server} (${'code' in error ? error.code : error.message})`,
      'BACKUP_S3_ENDPOINT names the server',
    )
  }
  const what = `HTTP ${status} ${error.name}`
  if (error.name === 'NoSuchBucket')
    return say('S3_BUCKET_MISSING', what, `make the bucket ${settings.bucket}, or mend BACKUP_S3_BUCKET`)
  if (error.name === 'RequestTimeTooSkewed') return say('S3_DENIED', what, "this machine's clock is wrong")
  if (status === 404) return say('STORE_MISSING', what, 'aqua backup list')
  if (status === 507 || error.name === 'XMinioStorageFull')
    return say('STORE_FULL', what, 'make room on the S3 server; aqua backup prune')
  if (status === 401 || status === 403)
    return say('S3_DENIED', what, 'BACKUP_S3_ACCESS_KEY needs list, get, put and delete on this bucket')
  if (status >= 300 && status < 400)
    return say('S3_REGION', what, 'BACKUP_S3_REGION has to be the region of the bucket')
  return say('S3_FAILED', `${what}${error.message ? ` (${error.message})` : ''}`, 'look at the log of the S3 server')
}
