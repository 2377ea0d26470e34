/** Who may reach what: the keys that the catalogue gives to a service, one of each kind, each its own. */

/** A container variable and the env-file variable its value comes from. */
export type Variables = Readonly<Record<string, string>>

/** PostgreSQL role that owns the service's schema. */
export interface Role {
  name: string
  /** Env-file variable of its password. */
  passwordVariable: string
  /** Schemas of others whose tables it may read, and refer to by foreign keys. */
  reads: readonly string[]
  /** Schemas of others whose tables and types it may refer to, without reading a row. */
  refers: readonly string[]
}

/** ACL user of Redis. */
export interface RedisUser {
  name: string
  passwordVariable: string
  /** Patterns of the keys and channels it may use. Another key is answered with NOPERM. */
  keys: readonly string[]
}

/** S3 key that reaches the buckets of its service. */
export interface ObjectKey {
  /** Env-file variable of the access key. */
  accessVariable: string
  secretVariable: string
}

export interface Bucket {
  name: string
  /** The service whose key reaches it. */
  owner: string
  /** Overwritten and deleted objects stay as old versions. */
  versioned: boolean
  /** Old versions go after so many days. */
  oldVersionDays: number
  /** Parts of uploads that nobody finished go after so many days. */
  unfinishedDays: number
  /** Anybody may fetch an object whose name they know. */
  publicRead: boolean
}

/** The commands of Redis that a service may use: INFO is for Spring's health check, KEYS and FLUSHALL are for operators. */
export const redisCommands = ['+@all', '-@admin', '-@dangerous', '+info'] as const

const prefix = (short: string) => short.toUpperCase()

export function roleOf(short: string, reads: readonly string[] = [], refers: readonly string[] = []): Role {
  return { name: `backend_${short}`, passwordVariable: `${prefix(short)}_DB_PASSWORD`, reads, refers }
}

export function redisUserOf(short: string, more: readonly string[] = []): RedisUser {
  return {
    name: `backend-${short}`,
    passwordVariable: `${prefix(short)}_REDIS_PASSWORD`,
    keys: [`${short}:*`, ...more],
  }
}

export function objectKeyOf(short: string): ObjectKey {
  return { accessVariable: `${prefix(short)}_S3_ACCESS_KEY`, secretVariable: `${prefix(short)}_S3_SECRET_KEY` }
}

/** A bucket with the protection that every bucket gets, also one that only MINIO_BOOTSTRAP_BUCKETS names. */
export function bucketOf(name: string, owner: string): Bucket {
  return { name, owner, versioned: true, oldVersionDays: 30, unfinishedDays: 7, publicRead: false }
}

interface Keys {
  role: Role | undefined
  redis: RedisUser | undefined
  objectKey: ObjectKey | undefined
}

/** The variables by which a service learns of its own keys. */
export function keyVariables({ role, redis, objectKey }: Keys): Variables {
  return {
    ...(role && { SPRING_DATASOURCE_URL: 'POSTGRES_DB', SPRING_DATASOURCE_PASSWORD: role.passwordVariable }),
    ...(redis && { SPRING_DATA_REDIS_PASSWORD: redis.passwordVariable, REDIS_PASSWORD: redis.passwordVariable }),
    ...(objectKey && {
      MINIO_ENDPOINT: 'S3_ENDPOINT',
      MINIO_REGION: 'MINIO_REGION',
      MINIO_ACCESS_KEY: objectKey.accessVariable,
      MINIO_SECRET_KEY: objectKey.secretVariable,
    }),
  }
}

/** The names that belong to those keys; they are the catalogue's, not the env file's. */
export function keyNames({ role, redis }: Keys): Readonly<Record<string, string>> {
  return {
    ...(role && { SPRING_DATASOURCE_USERNAME: role.name }),
    ...(redis && { SPRING_DATA_REDIS_USERNAME: redis.name, REDIS_USERNAME: redis.name }),
  }
}
