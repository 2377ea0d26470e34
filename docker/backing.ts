import { bucketOf, redisCommands, type Variables } from './access.ts'
import { type Backing, type Service, same } from './definition.ts'

const present = <T>(values: readonly (T | undefined)[]): T[] => values.filter((value) => value !== undefined)

/** A table for a container to read: one line each, words apart by a space. */
function lines(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.join(' ')}\n`).join('')
}

const listed = (names: readonly string[]) => names.join(',') || '-'

/** What the services need beside them, with what each must know of them. */
export function backingOf(services: readonly Service[]): readonly Backing[] {
  const roles = present(services.map(({ role }) => role))
  const redisUsers = present(services.map(({ redis }) => redis))
  const objectKeys = present(services.map(({ objectKey }) => objectKey))
  return [
    {
      name: 'postgres',
      oneShot: false,
      ports: { 5432: 'POSTGRES_PORT' },
      variables: same('POSTGRES_DB', 'POSTGRES_USER', 'POSTGRES_PASSWORD'),
      constants: { PGDATA: '/var/lib/postgresql/data/pgdata', POSTGRES_INITDB_ARGS: '--auth-host=scram-sha-256' },
    },
    {
      name: 'postgres-init',
      oneShot: true,
      ports: {},
      variables: {
        PGDATABASE: 'POSTGRES_DB',
        PGUSER: 'POSTGRES_USER',
        PGPASSWORD: 'POSTGRES_PASSWORD',
        ...same(...roles.map(({ passwordVariable }) => passwordVariable)),
      },
      constants: {
        PGHOST: 'postgres',
        SERVICE_ROLES: lines(
          services.flatMap(({ schema, role }) =>
            schema && role ? [[schema, role.name, role.passwordVariable, listed(role.reads), listed(role.refers)]] : [],
          ),
        ),
      },
    },
    {
      name: 'redis',
      oneShot: false,
      ports: { 6379: 'REDIS_PORT' },
      variables: same('REDIS_PASSWORD', ...redisUsers.map(({ passwordVariable }) => passwordVariable)),
      constants: {
        SERVICE_COMMANDS: redisCommands.join(' '),
        SERVICE_USERS: lines(redisUsers.map(({ name, passwordVariable, keys }) => [name, passwordVariable, ...keys])),
      },
    },
    {
      name: 'minio',
      oneShot: false,
      replacedBy: 'S3_ENDPOINT',
      ports: { 9000: 'MINIO_PORT', 9001: 'MINIO_CONSOLE_PORT' },
      variables: { ...same('MINIO_ROOT_USER', 'MINIO_ROOT_PASSWORD'), MINIO_SITE_REGION: 'MINIO_REGION' },
      constants: { MINIO_API_STALE_UPLOADS_EXPIRY: `${24 * bucketOf('*', '').unfinishedDays}h` },
    },
    {
      name: 'minio-init',
      oneShot: true,
      ports: {},
      variables: same(
        'MINIO_ROOT_USER',
        'MINIO_ROOT_PASSWORD',
        'MINIO_BOOTSTRAP_BUCKETS',
        'MINIO_BUCKET_PUBLIC',
        'S3_ENDPOINT',
        ...objectKeys.flatMap(({ accessVariable, secretVariable }) => [accessVariable, secretVariable]),
      ),
      constants: {
        BUCKETS: lines(
          [...services.flatMap(({ buckets }) => buckets), bucketOf('*', '')].map((bucket) => [
            bucket.name,
            bucket.versioned ? 'versioned' : 'plain',
            String(bucket.oldVersionDays),
            String(bucket.unfinishedDays),
          ]),
        ),
        SERVICE_KEYS: lines(
          services.flatMap(({ name, objectKey, buckets }) =>
            objectKey
              ? [[name, objectKey.accessVariable, objectKey.secretVariable, ...buckets.map((bucket) => bucket.name)]]
              : [],
          ),
        ),
      },
    },
  ]
}

/**
 * Takes backups on time where there is Docker and nothing else. Not among `backing`: it comes with Compose's profile of the
 * same name. What runs in it is aqua, so that it gets aqua's own variables too.
 */
export const backupContainer = {
  name: 'backup',
  variables: {
    PGDATABASE: 'POSTGRES_DB',
    PGUSER: 'POSTGRES_USER',
    PGPASSWORD: 'POSTGRES_PASSWORD',
    ...same(
      'MINIO_ROOT_USER',
      'MINIO_ROOT_PASSWORD',
      'MINIO_REGION',
      'MINIO_BOOTSTRAP_BUCKETS',
      'S3_ENDPOINT',
      'TELEGRAM_BOT_TOKEN',
    ),
  } as Variables,
  own: [
    'BACKUP_KEEP',
    'BACKUP_CRON',
    'BACKUP_OPTIONS',
    'BACKUP_S3_BUCKET',
    'BACKUP_S3_PREFIX',
    'BACKUP_S3_ENDPOINT',
    'BACKUP_S3_REGION',
    'BACKUP_S3_ACCESS_KEY',
    'BACKUP_S3_SECRET_KEY',
    'BACKUP_S3_STORAGE_CLASS',
    'BACKUP_S3_SSE',
    'BACKUP_S3_LOCK_DAYS',
    'BACKUP_TELEGRAM_CHAT',
    'BACKUP_WEBHOOK_URL',
    'BACKUP_PING_URL',
  ],
  constants: { PGHOST: 'postgres' },
} as const
