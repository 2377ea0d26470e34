import {
  type Bucket,
  bucketOf,
  keyNames,
  keyVariables,
  type ObjectKey,
  objectKeyOf,
  type RedisUser,
  type Role,
  redisCommands,
  redisUserOf,
  roleOf,
  type Variables,
} from './access.ts'

/**
 * The catalogue: one list of what runs. Compose files, image arguments, Liquibase names, scrape targets, CI matrices and
 * the smoke test follow it; `test/docker/catalogue.test.ts` fails when one of them says otherwise.
 */

export interface SmokeRequest {
  title: string
  method: 'GET' | 'POST'
  /** Path at the gateway. */
  path: string
  expect: number
}

export interface Service {
  /** Compose service, image and module name. */
  name: string
  short: string
  port: number
  /** Env-file variable that moves its port on the host, in dev. */
  portVariable: string
  /** PostgreSQL schema; `user` is a reserved word and must be quoted. */
  schema: string | undefined
  needs: readonly ('postgres' | 'redis' | 'minio')[]
  /** Services whose schemas this one's schema refers to: they migrate first. */
  after: readonly string[]
  /** Relative to the workspace; may also match a `*-plain.jar`, which is not runnable. */
  jar: string
  /** Liquibase master change log, relative to the workspace. */
  changelog: string | undefined
  role: Role | undefined
  redis: RedisUser | undefined
  objectKey: ObjectKey | undefined
  buckets: readonly Bucket[]
  /** Where the gateway routes to this service. */
  route: string | undefined
  /** Everything from the env file that its container may see, and nothing else. */
  variables: Variables
  /** Variables whose value is the same everywhere. */
  constants: Readonly<Record<string, string>>
  /** Asked by `smoke` through the gateway where the workspace brings no request path of its own. */
  requests: readonly SmokeRequest[]
}

export interface Backing {
  name: 'postgres' | 'postgres-init' | 'redis' | 'minio' | 'minio-init'
  /** Runs to its end once; exit 0 is success. */
  oneShot: boolean
  /** Container port → env-file variable that moves its port on the host, in dev. */
  ports: Readonly<Record<number, string>>
  variables: Variables
  constants: Readonly<Record<string, string>>
}

const common: Variables = { SPRING_PROFILES_ACTIVE: 'SPRING_PROFILES_ACTIVE' }

/** Variables that reach the container under the name they have in the env file. */
function same(...names: string[]): Variables {
  return Object.fromEntries(names.map((name) => [name, name]))
}

interface Definition {
  port: number
  needs: Service['needs']
  after?: readonly string[]
  /** Schemas of others; see `Role`. */
  reads?: readonly string[]
  refers?: readonly string[]
  /** Key patterns besides its own prefix; see `RedisUser`. */
  redisKeys?: readonly string[]
  buckets?: readonly string[]
  route: string
  variables?: Variables
  constants?: Readonly<Record<string, string>>
}

/** The six services with a schema share one layout of modules. */
function domain(short: string, definition: Definition): Service {
  const { port, needs, after = [], route, reads, refers, redisKeys, buckets = [] } = definition
  const name = `backend-${short}`
  const keys = {
    role: roleOf(short, reads, refers),
    redis: needs.includes('redis') ? redisUserOf(short, redisKeys) : undefined,
    objectKey: buckets.length > 0 ? objectKeyOf(short) : undefined,
  }
  return {
    name,
    short,
    port,
    portVariable: `${short.toUpperCase()}_PORT`,
    schema: short,
    needs,
    after,
    jar: `${name}/${name}-api/build/libs/${name}-api-*.jar`,
    changelog: `${name}/${name}-db/src/main/resources/migration/liquibase/master.xml`,
    ...keys,
    buckets: buckets.map((bucket) => bucketOf(bucket, name)),
    route,
    variables: { ...common, ...keyVariables(keys), ...definition.variables },
    constants: { ...keyNames(keys), ...definition.constants },
    requests: [],
  }
}

const gatewayKeys = {
  role: undefined,
  // Besides its own: Spring Cloud Gateway's rate limiter and Spring Session use names of theirs.
  redis: redisUserOf('gateway', ['request_rate_limiter.*', 'spring:session:*']),
  objectKey: undefined,
}

export const services: readonly Service[] = [
  {
    name: 'backend-gateway',
    short: 'gateway',
    port: 8080,
    portVariable: 'GATEWAY_PORT',
    schema: undefined,
    needs: ['redis'],
    after: [],
    jar: 'backend-gateway/build/libs/backend-gateway-*.jar',
    changelog: undefined,
    ...gatewayKeys,
    buckets: [],
    route: undefined,
    variables: { ...common, ...keyVariables(gatewayKeys), ...same('JWT_SECRET', 'GATEWAY_CORS_ALLOWED_ORIGINS') },
    constants: keyNames(gatewayKeys),
    requests: [{ title: 'gateway answers', method: 'GET', path: '/actuator/health', expect: 200 }],
  },
  domain('user', {
    port: 8101,
    needs: ['postgres', 'redis'],
    route: '/api/users/**',
    variables: same('JWT_SECRET', 'TELEGRAM_BOT_TOKEN'),
  }),
  domain('event', {
    port: 8102,
    needs: ['postgres', 'redis'],
    after: ['backend-user'],
    refers: ['user'],
    route: '/api/events/**',
  }),
  domain('crew', {
    port: 8103,
    needs: ['postgres'],
    after: ['backend-user'],
    refers: ['user'],
    route: '/api/crews/**',
  }),
  domain('payment', {
    port: 8104,
    needs: ['postgres', 'redis', 'minio'],
    after: ['backend-event'],
    refers: ['event'],
    buckets: ['aquastream-payment'],
    route: '/api/payments/**',
    variables: same(
      'YOOKASSA_SHOP_ID',
      'YOOKASSA_SECRET_KEY',
      'YOOKASSA_ENABLED',
      'TINKOFF_TERMINAL_KEY',
      'TINKOFF_SECRET_KEY',
      'TINKOFF_ENABLED',
      'SBER_MERCHANT_ID',
      'SBER_SECRET_KEY',
      'SBER_ENABLED',
      'RECEIPT_ENABLED',
      'OFD_URL',
      'COMPANY_INN',
    ),
  }),
  domain('notification', {
    port: 8105,
    needs: ['postgres', 'redis'],
    after: ['backend-user', 'backend-event'],
    // Its digest is a view over their tables.
    reads: ['user', 'event'],
    route: '/api/notifications/**',
    variables: {
      DATABASE_URL: 'POSTGRES_DB',
      DATABASE_PASSWORD: 'NOTIFICATION_DB_PASSWORD',
      ...same('TELEGRAM_BOT_TOKEN', 'TELEGRAM_WEBHOOK_URL', 'TELEGRAM_WEBHOOK_SECRET'),
    },
    constants: { DATABASE_USERNAME: 'backend_notification' },
  }),
  domain('media', {
    port: 8106,
    needs: ['postgres', 'minio'],
    after: ['backend-user'],
    refers: ['user'],
    buckets: ['aquastream-media'],
    route: '/api/media/**',
  }),
]

const present = <T>(values: readonly (T | undefined)[]): T[] => values.filter((value) => value !== undefined)
const roles = present(services.map(({ role }) => role))
const redisUsers = present(services.map(({ redis }) => redis))
const objectKeys = present(services.map(({ objectKey }) => objectKey))

/** A table for a container to read: one line each, words apart by a space. */
function lines(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.join(' ')}\n`).join('')
}

const listed = (names: readonly string[]) => names.join(',') || '-'

export const backing: readonly Backing[] = [
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

export const serviceNames: readonly string[] = services.map((service) => service.name)
export const shortNames: readonly string[] = services.map((service) => service.short)
export const buckets: readonly Bucket[] = services.flatMap((service) => service.buckets)

/** What a backing service needs done before it is of use: `postgres` → `postgres-init`. */
export function initOf(need: string): string | undefined {
  return backing.find(({ name }) => name === `${need}-init`)?.name
}

/** `user` and `backend-user` are the same service; backing services go by their own name. */
export function composeName(name: string): string | undefined {
  const service = services.find((candidate) => candidate.short === name || candidate.name === name)
  return service?.name ?? [...backing, backupContainer].find((candidate) => candidate.name === name)?.name
}

/** Which containers receive a variable of the env file, and under which name there. */
export function receivers(variable: string): { container: string; as: string }[] {
  return [...services, ...backing, backupContainer].flatMap(({ name, variables }) =>
    Object.entries(variables)
      .filter(([, source]) => source === variable)
      .map(([as]) => ({ container: name, as })),
  )
}
