/**
 * The catalogue: one list of what runs. Compose files, image arguments, Liquibase names, scrape targets, CI matrices and
 * the smoke test follow it; `test/docker/catalogue.test.ts` fails when one of them says otherwise.
 */

/** A container variable and the env-file variable its value comes from. */
export type Variables = Readonly<Record<string, string>>

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
  buckets: readonly string[]
  /** Where the gateway routes to this service. */
  route: string | undefined
  /** Everything from the env file that its container may see, and nothing else. */
  variables: Variables
  /** Asked by `smoke` through the gateway where the workspace brings no request path of its own. */
  requests: readonly SmokeRequest[]
}

export interface Backing {
  name: 'postgres' | 'redis' | 'minio' | 'minio-init'
  /** Runs to its end once; exit 0 is success. */
  oneShot: boolean
  /** Container port → env-file variable that moves its port on the host, in dev. */
  ports: Readonly<Record<number, string>>
  variables: Variables
}

const database: Variables = {
  SPRING_DATASOURCE_URL: 'POSTGRES_DB',
  SPRING_DATASOURCE_USERNAME: 'POSTGRES_USER',
  SPRING_DATASOURCE_PASSWORD: 'POSTGRES_PASSWORD',
}
const redis: Variables = { SPRING_DATA_REDIS_PASSWORD: 'REDIS_PASSWORD', REDIS_PASSWORD: 'REDIS_PASSWORD' }
const objects: Variables = {
  MINIO_ACCESS_KEY: 'MINIO_ROOT_USER',
  MINIO_SECRET_KEY: 'MINIO_ROOT_PASSWORD',
  MINIO_REGION: 'MINIO_REGION',
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
  buckets?: readonly string[]
  route: string
  variables: Variables
}

/** The six services with a schema share one layout of modules. */
function domain(short: string, definition: Definition): Service {
  const name = `backend-${short}`
  return {
    name,
    short,
    port: definition.port,
    portVariable: `${short.toUpperCase()}_PORT`,
    schema: short,
    needs: definition.needs,
    after: definition.after ?? [],
    jar: `${name}/${name}-api/build/libs/${name}-api-*.jar`,
    changelog: `${name}/${name}-db/src/main/resources/migration/liquibase/master.xml`,
    buckets: definition.buckets ?? [],
    route: definition.route,
    variables: { ...common, ...definition.variables },
    requests: [],
  }
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
    buckets: [],
    route: undefined,
    variables: { ...common, ...redis, ...same('JWT_SECRET', 'GATEWAY_CORS_ALLOWED_ORIGINS') },
    requests: [{ title: 'gateway answers', method: 'GET', path: '/actuator/health', expect: 200 }],
  },
  domain('user', {
    port: 8101,
    needs: ['postgres', 'redis'],
    route: '/api/users/**',
    variables: { ...database, ...redis, ...same('JWT_SECRET', 'TELEGRAM_BOT_TOKEN') },
  }),
  domain('event', {
    port: 8102,
    needs: ['postgres', 'redis'],
    after: ['backend-user'],
    route: '/api/events/**',
    variables: { ...database, ...redis },
  }),
  domain('crew', {
    port: 8103,
    needs: ['postgres'],
    after: ['backend-user'],
    route: '/api/crews/**',
    variables: { ...database },
  }),
  domain('payment', {
    port: 8104,
    needs: ['postgres', 'redis', 'minio'],
    after: ['backend-event'],
    buckets: ['aquastream-payment'],
    route: '/api/payments/**',
    variables: {
      ...database,
      ...redis,
      ...objects,
      ...same(
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
    },
  }),
  domain('notification', {
    port: 8105,
    needs: ['postgres', 'redis'],
    after: ['backend-user', 'backend-event'],
    route: '/api/notifications/**',
    variables: {
      ...database,
      ...redis,
      DATABASE_URL: 'POSTGRES_DB',
      DATABASE_USERNAME: 'POSTGRES_USER',
      DATABASE_PASSWORD: 'POSTGRES_PASSWORD',
      ...same('TELEGRAM_BOT_TOKEN', 'TELEGRAM_WEBHOOK_URL', 'TELEGRAM_WEBHOOK_SECRET'),
    },
  }),
  domain('media', {
    port: 8106,
    needs: ['postgres', 'minio'],
    after: ['backend-user'],
    buckets: ['aquastream-media'],
    route: '/api/media/**',
    variables: { ...database, ...objects },
  }),
]

export const backing: readonly Backing[] = [
  {
    name: 'postgres',
    oneShot: false,
    ports: { 5432: 'POSTGRES_PORT' },
    variables: same('POSTGRES_DB', 'POSTGRES_USER', 'POSTGRES_PASSWORD'),
  },
  { name: 'redis', oneShot: false, ports: { 6379: 'REDIS_PORT' }, variables: same('REDIS_PASSWORD') },
  {
    name: 'minio',
    oneShot: false,
    ports: { 9000: 'MINIO_PORT', 9001: 'MINIO_CONSOLE_PORT' },
    variables: { ...same('MINIO_ROOT_USER', 'MINIO_ROOT_PASSWORD'), MINIO_SITE_REGION: 'MINIO_REGION' },
  },
  {
    name: 'minio-init',
    oneShot: true,
    ports: {},
    variables: same('MINIO_ROOT_USER', 'MINIO_ROOT_PASSWORD', 'MINIO_BOOTSTRAP_BUCKETS'),
  },
]

export const serviceNames: readonly string[] = services.map((service) => service.name)
export const shortNames: readonly string[] = services.map((service) => service.short)
export const buckets: readonly string[] = services.flatMap((service) => service.buckets)

/** `user` and `backend-user` are the same service; backing services go by their own name. */
export function composeName(name: string): string | undefined {
  const service = services.find((candidate) => candidate.short === name || candidate.name === name)
  return service?.name ?? backing.find((candidate) => candidate.name === name)?.name
}

/** Which containers receive a variable of the env file, and under which name there. */
export function receivers(variable: string): { container: string; as: string }[] {
  return [...services, ...backing].flatMap(({ name, variables }) =>
    Object.entries(variables)
      .filter(([, source]) => source === variable)
      .map(([as]) => ({ container: name, as })),
  )
}
