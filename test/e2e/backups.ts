import { createHash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import type { S3Client } from '@aws-sdk/client-s3'
import type { Manifest } from '../../backup/manifest.ts'
import { type Cluster, clusterEnv, minioImage } from './cluster.ts'
import { docker, eventually, program } from './stack.ts'

export interface ObjectServer {
  id: string
  endpoint: string
  user: string
  password: string
  client: S3Client
  remove(): Promise<void>
}

/** An S3 server that claims to be the stack's. `published`: on a port of this machine, as dev does. */
export async function startObjects(project: string, options: { published: boolean }): Promise<ObjectServer> {
  const name = `${project}-minio-1`
  const user = 'aquastream'
  const password = randomBytes(12).toString('hex')
  await docker('rm', '-f', '-v', name)
  const labels = [
    `com.docker.compose.project=${project}`,
    'com.docker.compose.service=minio',
    'com.docker.compose.oneoff=False',
  ]
  const id = await docker(
    ...['run', '-d', '--name', name, ...(options.published ? ['-p', '127.0.0.1::9000'] : [])],
    ...labels.flatMap((label) => ['--label', label]),
    ...['-e', `MINIO_ROOT_USER=${user}`, '-e', `MINIO_ROOT_PASSWORD=${password}`, '--tmpfs', '/data:uid=1000,gid=1000'],
    ...[minioImage, 'server', '/data'],
  )
  const address = options.published
    ? (await docker('port', id, '9000/tcp')).split('\n')[0]
    : `${await docker('inspect', '-f', '{{.NetworkSettings.IPAddress}}', id)}:9000`
  const endpoint = `http://${address}`
  const healthy = () =>
    new Promise<boolean>((resolve) => {
      const request = http.get(`${endpoint}/minio/health/ready`, { agent: false, timeout: 2000 }, (answer) => {
        resolve(answer.statusCode === 200)
        answer.resume()
      })
      request.once('timeout', () => request.destroy())
      request.on('error', () => resolve(false)).once('close', () => resolve(false))
    })
  await eventually('the S3 server answers', healthy, 30)
  const { S3Client } = await import('@aws-sdk/client-s3')
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: user, secretAccessKey: password },
  })
  const remove = async () => {
    client.destroy()
    await docker('rm', '-f', '-v', id)
  }
  return { id, endpoint, user, password, client, remove }
}

/** A folder for sets, and the environment that makes aqua back the cluster up into it. */
export function artifacts(cluster: Pick<Cluster, 'project'>, more: Record<string, string> = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `${cluster.project}-`))
  const dev = path.join(folder, 'dev')
  return {
    folder,
    dev,
    env: { ...clusterEnv(cluster), BACKUP_DIR: folder, AQUA_DOCKER: program, ...more },
    /** Every name in it, hidden ones too. */
    names: () => (fs.existsSync(dev) ? fs.readdirSync(dev).sort() : []),
    manifests: () => manifestsIn(dev),
    remove: () => fs.rmSync(folder, { recursive: true, force: true }),
  }
}

export function manifestsIn(folder: string): Manifest[] {
  const names = fs.existsSync(folder) ? fs.readdirSync(folder).sort() : []
  return names
    .filter((name) => name.endsWith('.manifest.json'))
    .map((name) => JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')) as Manifest)
}

export function sha256(file: string): string {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex')
}

/** Command lines of everything that runs on this machine, containers too, collected until `stop`. */
export function watchArgv(): { stop(): string } {
  const seen = new Set<string>()
  const timer = setInterval(() => {
    for (const entry of fs.readdirSync('/proc')) {
      if (!/^\d+$/.test(entry)) continue
      try {
        seen.add(fs.readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' '))
      } catch {
        // Ended since the listing.
      }
    }
  }, 5)
  return {
    stop() {
      clearInterval(timer)
      return [...seen].join('\n')
    },
  }
}
