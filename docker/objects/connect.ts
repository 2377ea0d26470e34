import type { S3Client } from '@aws-sdk/client-s3'
import type { Context } from '../../scripts/context.ts'
import { AquaError, isAquaError } from '../../scripts/error.ts'
import { unwrap } from '../../scripts/secret.ts'
import type { Io } from '../../scripts/step.ts'
import type { Stack } from '../engine.ts'
import { containersOf, serviceOf } from '../inspect.ts'
import { services } from '../services.ts'

const holders = services.filter(({ objectKey }) => objectKey !== undefined)

/** Whose key to use: `root`, or a service that stores files. */
export const keyHolders: readonly string[] = ['root', ...holders.map(({ short }) => short)]

export interface Connection {
  client: S3Client
  endpoint: string
  /** The access key in use, for messages. */
  access: string
}

/** A client of the stack's S3 server with the key of that holder. The caller destroys the client. */
export async function connect(ctx: Context, io: Pick<Io, 'probe'>, stack: Stack, as: string): Promise<Connection> {
  const endpoint = await endpointOf(io, stack, ctx.platform)
  const key = holders.find(({ short }) => short === as)?.objectKey
  const value = (name: string) => unwrap(stack.env[name] ?? '')
  const access = value(key?.accessVariable ?? 'MINIO_ROOT_USER')
  const secret = value(key?.secretVariable ?? 'MINIO_ROOT_PASSWORD')
  const { S3Client } = await import('@aws-sdk/client-s3')
  // The pinned version works with Node 20; that a later one will not is no news to somebody who copies a file.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'
  const client = new S3Client({
    endpoint,
    region: value('MINIO_REGION') || 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: access, secretAccessKey: secret },
    // The default CRC32 trailers are not understood by every S3-compatible server.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: 5000, requestTimeout: 60_000 },
  })
  return { client, endpoint, access }
}

/** Where the S3 server answers from here: S3_ENDPOINT, else the published port, else the container's own address. */
export async function endpointOf(
  io: Pick<Io, 'probe'>,
  stack: Stack,
  platform: Context['platform'] = process.platform,
): Promise<string> {
  if (stack.env.S3_ENDPOINT) return String(stack.env.S3_ENDPOINT)
  const containers = await containersOf(io, stack.docker, stack.project)
  const minio = containers.find((container) => serviceOf(container) === 'minio')
  if (minio?.State.Status !== 'running')
    throw new AquaError('NOT_RUNNING', `minio of ${stack.project} is not running`, { hint: `aqua up ${stack.stage}` })
  const { Ports, Networks } = minio.NetworkSettings
  const bound = Ports?.['9000/tcp']?.[0]
  if (bound) return `http://${bound.HostIp || '127.0.0.1'}:${bound.HostPort}`
  const address = Object.values(Networks ?? {}).find(({ IPAddress }) => IPAddress)?.IPAddress
  // Stage and prod publish no port. The bridge's addresses can be reached from the engine's own machine if that is Linux.
  if (platform === 'linux' && address) return `http://${address}:9000`
  throw new AquaError('S3_UNREACHABLE', `minio of ${stack.project} publishes no port on this machine`, {
    exit: 'missing',
    hint: 'run this on the machine of a Linux engine',
  })
}

/** What an S3 client's error means to a person; undefined for what is none. `what`: follows "the key x may not". */
export function s3Error(error: unknown, { endpoint, access }: Connection, what: string): AquaError | undefined {
  if (!(error instanceof Error) || isAquaError(error)) return undefined
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
  const options = { cause: error }
  if (status === undefined && !('$fault' in error)) {
    // `fetch` has the reason one level down.
    const code = [error, error.cause].map((one) => (one as { code?: unknown } | undefined)?.code).find(Boolean)
    if (code === undefined && error.name !== 'TimeoutError' && error.name !== 'AggregateError') return undefined
    return new AquaError('S3_UNREACHABLE', `${endpoint} does not answer (${code ?? error.name})`, {
      ...options,
      exit: 'missing',
      hint: 'aqua ps, or S3_ENDPOINT in the env file where that names another server',
    })
  }
  if (['InvalidAccessKeyId', 'SignatureDoesNotMatch'].includes(error.name))
    return new AquaError('S3_KEY', `${endpoint} does not know the key ${access} with this secret`, {
      ...options,
      hint: 'aqua minio-bootstrap',
    })
  if (status === 403)
    return new AquaError('S3_DENIED', `the key ${access} may not ${what}`, {
      ...options,
      hint: 'aqua minio-bootstrap, if it should; aqua s3 takes another key by --as',
    })
  if (status === 404)
    return new AquaError(
      'S3_NOT_FOUND',
      `cannot ${what}: there is no such ${error.name === 'NoSuchBucket' ? 'bucket' : 'object'}`,
      {
        ...options,
        hint: 'aqua s3 ls shows what there is',
      },
    )
  return new AquaError('S3_FAILED', `cannot ${what}: ${error.message || error.name}`, options)
}

/** Run with a connection, and turn its errors into ours. */
export async function withS3<T>(
  ctx: Context,
  io: Pick<Io, 'probe'>,
  stack: Stack,
  as: string,
  what: string,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await connect(ctx, io, stack, as)
  try {
    return await work(connection)
  } catch (error) {
    throw s3Error(error, connection, what) ?? error
  } finally {
    connection.client.destroy()
  }
}
