import { randomBytes } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import type { S3Settings } from '../../backup/store/s3-client.ts'
import { minioImage } from './cluster.ts'
import { docker } from './stack.ts'

export interface Minio {
  id: string
  /** For this machine. */
  endpoint: string
  settings: S3Settings
  /** The S3 server's own command-line client, in its container, as `alias` m. */
  mc(...args: string[]): Promise<string>
  remove(): Promise<void>
}

/** An S3 server of its own with one empty bucket, `backups`. `encrypts`: it has a key of its own to encrypt objects with. */
export async function startMinio(name: string, options: { lock?: boolean; encrypts?: boolean } = {}): Promise<Minio> {
  const [accessKeyId, secretAccessKey] = ['backup', randomBytes(12).toString('hex')]
  await docker('rm', '-f', '-v', name)
  const id = await docker(
    ...['run', '-d', '--name', name, '-p', '127.0.0.1::9000'],
    ...['-e', `MINIO_ROOT_USER=${accessKeyId}`, '-e', `MINIO_ROOT_PASSWORD=${secretAccessKey}`],
    ...(options.encrypts ? ['-e', `MINIO_KMS_SECRET_KEY=own:${randomBytes(32).toString('base64')}`] : []),
    minioImage,
  )
  const port = (await docker('port', id, '9000/tcp')).split('\n')[0]?.split(':').at(-1)
  const endpoint = `http://127.0.0.1:${port}`
  for (let left = 150; ; left--) {
    const ready = await new Promise<boolean>((resolve) => {
      const request = http.get(`${endpoint}/minio/health/ready`, { agent: false, timeout: 2000 }, (answer) => {
        resolve(answer.statusCode === 200)
        answer.resume()
      })
      request
        .once('timeout', () => request.destroy())
        .on('error', () => {})
        .once('close', () => resolve(false))
    })
    if (ready) break
    if (left === 0) throw new Error(`${name} did not come up\n${await docker('logs', id)}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  const host = `MC_HOST_m=http://${accessKeyId}:${secretAccessKey}@127.0.0.1:9000`
  const mc = (...args: string[]) => docker('exec', '-e', host, '-e', 'MC_CONFIG_DIR=/tmp/mc', id, 'mc', ...args)
  await mc('mb', '-q', ...(options.lock ? ['--with-lock'] : []), 'm/backups')
  const settings = {
    bucket: 'backups',
    prefix: 'aquastream',
    endpoint,
    region: 'us-east-1',
    accessKeyId,
    secretAccessKey,
  }
  return { id, endpoint, settings, mc, remove: async () => void (await docker('rm', '-f', '-v', id)) }
}

/** What a proxy does with a request: hands it on; answers by itself; breaks or stops the connection after so many bytes. */
export type Fault =
  | 'pass'
  | { status: number; code?: string }
  | { cutRequestAfter: number }
  | { cutAnswerAfter: number }
  | { stallAnswerAfter: number }
  | { bytesPerSecond: number }
  | 'stall'

export interface FaultyProxy {
  endpoint: string
  /** What happened, e.g. `PUT part 2`. */
  seen: string[]
  /** Decides for each request; `count` is how often this very kind was seen before. */
  fault: (what: string, count: number) => Fault
  close(): Promise<void>
}

/** In front of the real server, on loopback: the faults of networks and servers that cannot be ordered from a real one. */
export async function startProxy(target: string): Promise<FaultyProxy> {
  const { port: targetPort } = new URL(target)
  const seen: string[] = []
  const server = http.createServer((request, response) => {
    const what = nameOf(request)
    const fault = proxy.fault(what, seen.filter((one) => one === what).length)
    seen.push(what)
    request.on('error', () => {})
    response.on('error', () => {})
    if (fault === 'stall') return
    if (typeof fault === 'object' && 'status' in fault) {
      request.resume().once('end', () => {
        const body = `<?xml version="1.0"?><Error><Code>${fault.code ?? 'InternalError'}</Code><Message>by order</Message></Error>`
        response.writeHead(fault.status, { 'content-type': 'application/xml' }).end(body)
      })
      return
    }
    const { method = 'GET', url = '/', headers } = request
    const onward = http.request({ port: targetPort, host: '127.0.0.1', method, path: url, headers }, (answer) => {
      answer.on('error', () => {})
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      let passed = 0
      answer.on('data', (chunk: Buffer) => {
        passed += chunk.length
        if (typeof fault === 'object' && 'cutAnswerAfter' in fault && passed > fault.cutAnswerAfter) {
          response.destroy()
          onward.destroy()
        } else if (typeof fault === 'object' && 'stallAnswerAfter' in fault && passed > fault.stallAnswerAfter) {
          answer.pause()
        } else if (!response.write(chunk)) {
          answer.pause()
          response.once('drain', () => answer.resume())
        }
      })
      answer.on('end', () => response.end())
    })
    onward.on('error', () => response.destroy())
    let taken = 0
    request.on('data', (chunk: Buffer) => {
      taken += chunk.length
      if (typeof fault === 'object' && 'cutRequestAfter' in fault && taken > fault.cutRequestAfter) {
        request.destroy()
        onward.destroy()
        return
      }
      const open = onward.write(chunk)
      const pause =
        typeof fault === 'object' && 'bytesPerSecond' in fault ? (chunk.length / fault.bytesPerSecond) * 1000 : 0
      if (open && pause === 0) return
      request.pause()
      if (pause > 0) setTimeout(() => request.resume(), pause)
      else onward.once('drain', () => request.resume())
    })
    request.on('end', () => onward.end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: FaultyProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    fault: () => 'pass',
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
  return proxy
}

function nameOf({ method, url = '/' }: http.IncomingMessage): string {
  const { searchParams } = new URL(url, 'http://x')
  if (searchParams.has('partNumber')) return `${method} part ${searchParams.get('partNumber')}`
  if (searchParams.has('uploads')) return `${method} uploads`
  if (searchParams.has('uploadId')) return `${method} upload`
  if (searchParams.has('list-type')) return `${method} list`
  return `${method} object`
}
