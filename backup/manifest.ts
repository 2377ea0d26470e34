import type { Stage } from '../scripts/task.ts'

/** How a file is packed; `none` stands for the dump as pg_dump wrote it. */
export type Compression = 'gzip' | 'zstd' | 'none'
export const compressions = ['gzip', 'zstd', 'none'] as const satisfies readonly Compression[]

export interface Measure {
  bytes: number
  /** Hex. */
  sha256: string
}

export interface ManifestFile {
  /** Object name beside the manifest, e.g. `user_20261123T200512Z.dump.gz.age`. */
  name: string
  /** schema: a `pg_dump -Fc` archive; roles: SQL without passwords; bucket: a tar of its objects. */
  kind: 'schema' | 'roles' | 'bucket'
  /** Schema or bucket; empty for roles. */
  subject: string
  compression: Compression
  encrypted: boolean
  /** Bytes of the dump itself, before compression: what a restore has to get through. */
  plainBytes: number
  /** After compression, before encryption. */
  compressed: Measure
  /** As stored. Equal to `compressed` where nothing is encrypted. */
  stored: Measure
}

/**
 * What makes a set exist. Written last, so that a set without one is unfinished work. Holds nothing secret: recipients are
 * public keys.
 */
export interface Manifest {
  /** Of this layout; a reader refuses a newer one. */
  format: 1
  /** The set's name and moment in UTC, e.g. `20261123T200512Z`. */
  id: string
  environment: Stage
  /** ISO 8601; the moment of the snapshot, from the clock of the machine that ran the backup. */
  takenAt: string
  seconds: number
  /** Sets with one are never pruned. */
  label?: string
  /** Why aqua took it by itself before something dangerous, e.g. `before restore user`. */
  safety?: string
  database: string
  server: { version: string; versionNumber: number; encoding: string }
  tool: { aqua: string; client: string }
  extensions: { name: string; version: string; schema: string }[]
  /** Names of the roles the archives refer to (owners and grantees). */
  roles: string[]
  files: ManifestFile[]
  /** Rows per table by schema, counted in the same snapshot. */
  rows: Record<string, Record<string, number>>
  recipients: string[]
}

/** `20261123T200512Z`: sorts by time, needs no quoting, is a legal name everywhere. */
export function setId(at: Date): string {
  return `${at.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}

/** The moment a set id names, or undefined for anything else. */
export function momentOf(id: string): Date | undefined {
  const found = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(id)
  if (!found) return undefined
  const [, year, month, day, hour, minute, second] = found
  const at = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(at.getTime()) || setId(at) !== id ? undefined : at
}

export const manifestSuffix = '.manifest.json'

/** `20261123T200512Z.manifest.json` */
export function manifestName(id: string): string {
  return `${id}${manifestSuffix}`
}

const compressionSuffix: Record<Compression, string> = { gzip: '.gz', zstd: '.zst', none: '' }

/** `user_20261123T200512Z.dump.gz.age`; roles and buckets: `roles_….sql.gz`, `aquastream-media_….tar.gz`. */
export function fileName(
  kind: ManifestFile['kind'],
  subject: string,
  id: string,
  compression: Compression,
  encrypted: boolean,
): string {
  const base = { schema: `${subject}_${id}.dump`, roles: `roles_${id}.sql`, bucket: `${subject}_${id}.tar` }[kind]
  return `${base}${compressionSuffix[compression]}${encrypted ? '.age' : ''}`
}

/** What the suffixes of a file say of how it is packed. */
export function packing(name: string): { compression: Compression; encrypted: boolean } {
  const encrypted = name.endsWith('.age')
  const inner = encrypted ? name.slice(0, -'.age'.length) : name
  return { encrypted, compression: inner.endsWith('.gz') ? 'gzip' : inner.endsWith('.zst') ? 'zstd' : 'none' }
}
