import {
  type Bucket,
  bucketOf,
  keyNames,
  keyVariables,
  type ObjectKey,
  objectKeyOf,
  type RedisUser,
  type Role,
  redisUserOf,
  roleOf,
  type Variables,
} from './access.ts'

/** What an entry of the catalogue says, and what the services have in common. */

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
  /** Variable that names a server in its place: with a value, it has no container. */
  replacedBy?: string
  /** Container port → env-file variable that moves its port on the host, in dev. */
  ports: Readonly<Record<number, string>>
  variables: Variables
  constants: Readonly<Record<string, string>>
}

/** What every service may see. */
export const common: Variables = { SPRING_PROFILES_ACTIVE: 'SPRING_PROFILES_ACTIVE' }

/** Variables that reach the container under the name they have in the env file. */
export function same(...names: string[]): Variables {
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
export function domain(short: string, definition: Definition): Service {
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
