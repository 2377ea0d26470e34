// An S3 server on loopback: the stack's own image, in a container of the bench's own.
import { randomBytes } from 'node:crypto'
import { must } from './cluster.mjs'

const image = process.env.MINIO_IMAGE || 'aqua/minio:2026-02-12'
const docker = process.env.AQUA_DOCKER || 'docker'

/** @returns {Promise<{ aqua: Record<string, string>, rclone: NodeJS.ProcessEnv, clear(): void, stop(): void }>} */
export async function startS3() {
  const [user, password] = ['bench', randomBytes(12).toString('hex')]
  const credentials = ['-e', `MINIO_ROOT_USER=${user}`, '-e', `MINIO_ROOT_PASSWORD=${password}`]
  const id = must([docker, 'run', '-d', '--rm', '-p', '127.0.0.1::9000', ...credentials, image])
  const stop = () => void must([docker, 'rm', '-f', '-v', id])
  const address = must([docker, 'port', id, '9000/tcp']).split('\n')[0]
  const host = ['-e', `MC_HOST_m=http://${user}:${password}@127.0.0.1:9000`, '-e', 'MC_CONFIG_DIR=/tmp/mc']
  const mc = (/** @type {string[]} */ ...args) => must([docker, 'exec', ...host, id, 'mc', ...args])
  for (let left = 100; ; left--)
    try {
      mc('mb', '-q', '--ignore-existing', 'm/backups')
      break
    } catch (error) {
      if (left === 0) {
        stop()
        throw error
      }
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
  return {
    aqua: {
      BACKUP_S3_BUCKET: 'backups',
      BACKUP_S3_ENDPOINT: `http://${address}`,
      BACKUP_S3_ACCESS_KEY: user,
      BACKUP_S3_SECRET_KEY: password,
    },
    rclone: {
      RCLONE_CONFIG: '/dev/null',
      RCLONE_CONFIG_M_TYPE: 's3',
      // rclone refuses it where it is set, and there is no TLS here.
      AWS_CA_BUNDLE: undefined,
      RCLONE_CONFIG_M_PROVIDER: 'Minio',
      RCLONE_CONFIG_M_ENDPOINT: `http://${address}`,
      RCLONE_CONFIG_M_ACCESS_KEY_ID: user,
      RCLONE_CONFIG_M_SECRET_ACCESS_KEY: password,
    },
    clear: () => void mc('rm', '-q', '--recursive', '--force', 'm/backups/'),
    stop,
  }
}
