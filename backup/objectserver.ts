import type { S3Client } from '@aws-sdk/client-s3'
import type { Stack } from '../docker/engine.ts'
import { endpointOf } from '../docker/objects/connect.ts'
import { type Loaded, plain } from '../env/load.ts'
import { AquaError } from '../scripts/error.ts'
import type { Io } from '../scripts/step.ts'

/** The S3 server that holds the services' objects. */
export interface ObjectServer {
  /** For people. */
  readonly where: string
  readonly client: S3Client
  /** Buckets of the services, whether they exist or not. */
  readonly buckets: readonly string[]
}

/**
 * The stack's MinIO as this machine reaches it: by the port that dev publishes; on stage and prod, which publish none, at its
 * address in Docker's network, which a Linux host can reach and the virtual machine of Docker Desktop cannot. S3_ENDPOINT names
 * another server. Signs with the server's root key, since a service's own key sees its own buckets only.
 */
export async function openObjectServer(io: Pick<Io, 'probe'>, stack: Stack, loaded: Loaded): Promise<ObjectServer> {
  const endpoint = await endpointOf(io, stack)
  const { S3Client } = await import('@aws-sdk/client-s3')
  // As in docker/objects: no news to somebody who takes a backup.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const client = new S3Client({
    endpoint,
    region: plain(loaded, 'MINIO_REGION') || 'us-east-1',
    forcePathStyle: true,
    credentials: {
      accessKeyId: plain(loaded, 'MINIO_ROOT_USER') ?? '',
      secretAccessKey: plain(loaded, 'MINIO_ROOT_PASSWORD') ?? '',
    },
    // Trailers with checksums break some S3-compatible servers.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: 5000, requestTimeout: 60_000, throwOnRequestTimeout: true },
  })
  const buckets = (plain(loaded, 'MINIO_BOOTSTRAP_BUCKETS') ?? '').split(/[,\s]+/).filter((name) => name !== '')
  return { where: endpoint, client, buckets }
}

/** What a failed request to the server means to people. */
export function objectFailure(error: unknown, doing: string, server: Pick<ObjectServer, 'where'>): Error {
  if (!(error instanceof Error) || error.name === 'AquaError' || error.name === 'AbortError') return error as Error
  const code = 'code' in error ? String(error.code) : error.name
  if (/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOTFOUND|TimeoutError)$/.test(code))
    return new AquaError('OBJECTS_UNREACHABLE', `${doing}: no answer from the S3 server at ${server.where} (${code})`, {
      exit: 'missing',
      hint: 'without a published port it can be reached from the machine of a Linux Docker engine only',
      cause: error,
    })
  return new AquaError('OBJECTS', `${doing} failed: ${error.message || code}`, {
    hint: `is the S3 server at ${server.where} healthy? aqua ps`,
    cause: error,
  })
}
