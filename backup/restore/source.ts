import fs from 'node:fs/promises'
import path from 'node:path'
import { type Loaded, plain } from '../../env/load.ts'
import type { Context } from '../../scripts/context.ts'
import { AquaError, hasCode } from '../../scripts/error.ts'
import type { Packed } from '../archive.ts'
import { type BackupSet, findSet, listSets, parseFileName } from '../catalog.ts'
import { allSets } from '../inventory.ts'
import { type Manifest, type ManifestFile, packing } from '../manifest.ts'
import { oldStyle } from '../oldstyle.ts'
import { LocalStore } from '../store/local.ts'
import type { Store } from '../store/store.ts'

/** One schema's file, wherever it lies. */
export interface SourceFile {
  schema: string
  packed: Packed
  rows: Readonly<Record<string, number>> | undefined
}

/** What is to be restored. */
export interface Source {
  /** For people: a set with its store, or a file. */
  title: string
  files: SourceFile[]
  manifest: Manifest | undefined
  /** The set's roles and buckets; undefined or empty where there are none. */
  roles: Packed | undefined
  buckets: { bucket: string; packed: Packed }[]
}

export interface Asked {
  /** A schema, or `all`. */
  schema: string
  /** A path, a file's name in a store, a set's id or label, or `latest`. */
  wanted: string
  from: Store['kind'] | undefined
}

type World = Pick<Context, 'root' | 'cwd' | 'now'>

/** Find what is meant. Looks on disk first, then in the local store, then in S3; `from` leaves out what it does not name. */
export async function findSource(ctx: World, loaded: Loaded, asked: Asked): Promise<Source> {
  const file = asked.from === undefined ? await onDisk(ctx, asked.wanted) : undefined
  if (file) return fromFile(new LocalStore(path.dirname(file), { make: true }), path.basename(file), asked)
  const kinds: Store['kind'][] = asked.from
    ? [asked.from]
    : plain(loaded, 'BACKUP_S3_BUCKET')
      ? ['local', 's3']
      : ['local']
  let refusal: unknown
  for (const kind of kinds)
    try {
      return await inStore(await allSets(ctx, loaded, kind), asked)
    } catch (error) {
      // Only what is not there is looked for elsewhere. The first answer says more: it is about the nearest copy.
      if (!(error instanceof AquaError) || !/^NO_SET$|^SET_LACKS$/.test(error.code)) throw error
      refusal ??= error
    }
  throw refusal
}

async function onDisk(ctx: World, wanted: string): Promise<string | undefined> {
  for (const base of [ctx.cwd, ctx.root]) {
    const file = path.resolve(base, wanted)
    const stat = await fs.stat(file).catch((error: unknown) => {
      if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) throw error
    })
    if (stat?.isFile()) return file
  }
  if (wanted.includes('/'))
    throw new AquaError('NO_FILE', `there is no file ${wanted}`, {
      exit: 'usage',
      hint: 'aqua backup list shows what there is',
    })
  return undefined
}

async function inStore(sets: readonly BackupSet[], asked: Asked): Promise<Source> {
  const holder = sets.find(({ files }) => files.some(({ name }) => name === asked.wanted))
  if (holder) return fromFile(holder.store, asked.wanted, asked, holder)
  return fromSet(asked.wanted === 'latest' ? latest(sets, asked) : findSet(sets, asked.wanted), asked)
}

/** The newest complete set that holds the schema. What aqua took for safety is not meant: it is the state before a restore. */
function latest(sets: readonly BackupSet[], asked: Asked): BackupSet {
  const fit = sets.filter(
    ({ state, manifest, files }) =>
      state === 'complete' &&
      manifest?.safety === undefined &&
      files.some(({ kind, subject }) => kind === 'schema' && (asked.schema === 'all' || subject === asked.schema)),
  )
  const [newest] = fit.sort((a, b) => b.takenAt.getTime() - a.takenAt.getTime())
  if (newest) return newest
  const what = asked.schema === 'all' ? '' : ` with ${asked.schema}`
  throw new AquaError('NO_SET', `there is no complete set${what}`, {
    exit: 'missing',
    hint: 'aqua backup makes one; aqua backup list shows what there is',
  })
}

function fromSet(set: BackupSet, asked: Asked): Source {
  if (set.state === 'incomplete')
    throw new AquaError('SET_INCOMPLETE', `the set ${set.id} is not whole: ${set.problem}`, {
      exit: 'problems',
      hint: 'aqua backup list shows complete sets; a single file of it can be named by its path',
    })
  const schemas = set.files.filter(
    ({ kind, subject }) => kind === 'schema' && (asked.schema === 'all' || subject === asked.schema),
  )
  if (schemas.length === 0)
    throw new AquaError('SET_LACKS', `the set ${set.id} holds no schema ${asked.schema}`, {
      exit: 'usage',
      hint: `it holds ${set.files.flatMap(({ kind, subject }) => (kind === 'schema' ? [subject] : [])).join(', ')}`,
    })
  const pack = (name: string) => packedOf(set.store, name, set.manifest)
  const roles = set.files.find(({ kind }) => kind === 'roles')
  return {
    title: `set ${set.id} in ${set.store.where}`,
    files: schemas.map(({ name, subject }) => ({
      schema: subject,
      packed: pack(name),
      rows: set.manifest?.rows[subject],
    })),
    manifest: set.manifest,
    roles: roles && pack(roles.name),
    buckets: set.files.flatMap(({ kind, subject, name }) =>
      kind === 'bucket' ? [{ bucket: subject, packed: pack(name) }] : [],
    ),
  }
}

/** A single file. Where the manifest of its set lies beside it, that tells more. */
async function fromFile(store: Store, name: string, asked: Asked, known?: BackupSet): Promise<Source> {
  if (asked.schema === 'all')
    throw new AquaError('USAGE', 'one file holds one schema, and all of them were asked for', {
      exit: 'usage',
      hint: `name a set, or the file's schema: aqua restore ${oldStyle(name)?.schema ?? parseFileName(name)?.subject ?? '<schema>'} ${name}`,
    })
  const id = parseFileName(name)?.id
  const set = known ?? (id === undefined ? undefined : (await listSets(store)).find((candidate) => candidate.id === id))
  const manifest = set?.manifest?.files.some((file) => file.name === name) ? set.manifest : undefined
  const roles = manifest?.files.find(({ kind }) => kind === 'roles')
  const there = (file: ManifestFile) => set?.files.some(({ name: other }) => other === file.name)
  return {
    title: `${name} in ${store.where}`,
    files: [{ schema: asked.schema, packed: packedOf(store, name, manifest), rows: manifest?.rows[asked.schema] }],
    manifest,
    roles: roles && there(roles) ? packedOf(store, roles.name, manifest) : undefined,
    buckets: [],
  }
}

function packedOf(store: Store, name: string, manifest: Manifest | undefined): Packed {
  const known = manifest?.files.find((file) => file.name === name)
  const { compression, encrypted } = known ?? packing(name)
  return {
    store,
    name,
    compression,
    encrypted,
    ...(known && { stored: known.stored, compressed: known.compressed, plainBytes: known.plainBytes }),
  }
}
