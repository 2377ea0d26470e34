import { AquaError } from '../scripts/error.ts'
import { nearest } from '../scripts/suggest.ts'
import { type Manifest, type ManifestFile, manifestSuffix, momentOf } from './manifest.ts'
import { oldStyle } from './oldstyle.ts'
import type { Store, StoredObject } from './store/store.ts'

export interface SetFile {
  name: string
  /** As it lies in the store. */
  bytes: number
  kind: ManifestFile['kind']
  /** Schema or bucket; empty for roles. */
  subject: string
}

/** The files of one run of a backup, as they lie in one store. */
export interface BackupSet {
  /** `20261123T200512Z`; of an old-style set what its files have in common, e.g. `weekly_2026-48`. */
  id: string
  store: Store
  /** From the manifest; without one, what the id says. Old-style weeks and months: their first day. */
  takenAt: Date
  /**
   * complete: a manifest, and every file that it names with the size that it names. incomplete: unfinished or damaged.
   * old-style: made by the scripts before aqua, which wrote no manifest.
   */
  state: 'complete' | 'incomplete' | 'old-style'
  /** Present unless there is none or it cannot be read. */
  manifest?: Manifest
  files: SetFile[]
  /** Files the manifest names that are not there, or not with its size. */
  missing: string[]
  /** Why an incomplete set is one, as half a sentence; `noManifest` for work that never got to its end. */
  problem?: string
}

export const noManifest = 'no manifest'

const ours = /^(?:(roles)_(\d{8}T\d{6}Z)\.sql|(.+)_(\d{8}T\d{6}Z)\.(dump|tar))(?:\.gz|\.zst)?(?:\.age)?$/

/** What a name of ours says; undefined for anything else that lies there. */
export function parseFileName(name: string): { id: string; kind: ManifestFile['kind']; subject: string } | undefined {
  const [, roles, rolesId, subject = '', fileId, type] = ours.exec(name) ?? []
  const id = rolesId ?? fileId
  if (id === undefined || momentOf(id) === undefined || subject.includes('/')) return undefined
  if (roles) return { id, kind: 'roles', subject: '' }
  return { id, kind: type === 'dump' ? 'schema' : 'bucket', subject }
}

/**
 * Every set of a store, newest first; what is not ours is passed over. A store that cannot be listed is an error, and so is a
 * manifest of a newer layout: whoever asks for the newest set must not get an older one instead.
 */
export async function listSets(store: Store): Promise<BackupSet[]> {
  const objects = await store.list()
  const found = new Map<string, { files: SetFile[]; manifest: boolean }>()
  const group = (id: string) => {
    const known = found.get(id) ?? { files: [], manifest: false }
    found.set(id, known)
    return known
  }
  for (const { name, bytes } of objects) {
    const file = parseFileName(name)
    if (file) group(file.id).files.push({ name, bytes, kind: file.kind, subject: file.subject })
    const id = name.endsWith(manifestSuffix) ? name.slice(0, -manifestSuffix.length) : ''
    if (momentOf(id)) group(id).manifest = true
  }
  const sets = await Promise.all(
    [...found].map(([id, { files, manifest }]) =>
      manifest ? withManifest(store, id, files) : unfinished(store, id, files),
    ),
  )
  return [...sets, ...oldStyleSets(store, objects)].sort(newestFirst)
}

function newestFirst(a: BackupSet, b: BackupSet): number {
  return b.takenAt.getTime() - a.takenAt.getTime() || (a.id < b.id ? 1 : -1)
}

function unfinished(store: Store, id: string, files: SetFile[]): BackupSet {
  const takenAt = momentOf(id) as Date
  return { id, store, takenAt, state: 'incomplete', files: byName(files), missing: [], problem: noManifest }
}

async function withManifest(store: Store, id: string, present: SetFile[]): Promise<BackupSet> {
  const read = parseManifest(await store.readText(`${id}${manifestSuffix}`), id, store)
  if (typeof read === 'string') return { ...unfinished(store, id, present), problem: read }
  const sizes = new Map(present.map(({ name, bytes }) => [name, bytes]))
  const wrong = read.files.filter(({ name, stored }) => sizes.get(name) !== stored.bytes)
  const files = read.files
    .filter(({ name }) => sizes.has(name))
    .map(({ name, kind, subject }) => ({ name, bytes: sizes.get(name) ?? 0, kind, subject }))
  const set = { id, store, takenAt: new Date(read.takenAt), manifest: read, files: byName(files) }
  if (wrong.length === 0) return { ...set, state: 'complete', missing: [] }
  const [first] = wrong
  const size = first && sizes.get(first.name)
  const what = size === undefined ? 'is not there' : `has ${size} bytes instead of ${first?.stored.bytes}`
  const more = wrong.length > 1 ? `, and ${wrong.length - 1} more` : ''
  return {
    ...set,
    state: 'incomplete',
    missing: wrong.map(({ name }) => name),
    problem: `${first?.name} ${what}${more}`,
  }
}

/** The manifest, or what is wrong with it. Its names are checked: a manifest never leads to a file that is not of its set. */
function parseManifest(text: string, id: string, store: Store): Manifest | string {
  let read: Partial<Manifest> | null
  try {
    read = JSON.parse(text) as Partial<Manifest> | null
  } catch {
    return 'the manifest is no JSON'
  }
  if (typeof read !== 'object' || read === null) return 'the manifest is no object'
  if (typeof read.format === 'number' && (read.format as number) > 1)
    throw new AquaError(
      'MANIFEST_NEWER',
      `the set ${id} in ${store.where} was written by a newer aqua (format ${read.format})`,
      {
        hint: 'update aqua on this machine',
      },
    )
  if (read.format !== 1 || read.id !== id) return 'the manifest is of another set or layout'
  if (Number.isNaN(Date.parse(read.takenAt ?? ''))) return 'the manifest names no moment'
  if (typeof read.rows !== 'object' || read.rows === null) return 'the manifest holds no row counts'
  const sound = (file: Partial<ManifestFile> | null) => {
    const name = parseFileName(String(file?.name))
    return name?.id === id && name.kind === file?.kind && typeof file.stored?.bytes === 'number'
  }
  if (!Array.isArray(read.files) || read.files.length === 0 || !read.files.every(sound))
    return 'the manifest names files that are not of its set'
  return read as Manifest
}

function oldStyleSets(store: Store, objects: readonly StoredObject[]): BackupSet[] {
  const sets = new Map<string, BackupSet>()
  for (const { name, bytes } of objects) {
    const file = oldStyle(name)
    if (!file) continue
    const { id, takenAt, schema } = file
    const set = sets.get(id) ?? { id, store, takenAt, state: 'old-style', files: [], missing: [] }
    sets.set(id, { ...set, files: byName([...set.files, { name, bytes, kind: 'schema', subject: schema }]) })
  }
  return [...sets.values()]
}

function byName(files: readonly SetFile[]): SetFile[] {
  return [...files].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * The set that `wanted` names: `latest` (the newest complete one), an id, a label, or the beginning of one id. The same id in
 * two stores is one set: the first in `sets` is taken.
 */
export function findSet(sets: readonly BackupSet[], wanted: string): BackupSet {
  if (wanted === 'latest') {
    const [newest] = sets.filter(({ state }) => state === 'complete').sort(newestFirst)
    if (newest) return newest
    throw new AquaError('NO_SET', 'there is no complete set', { exit: 'missing', hint: 'aqua backup makes one' })
  }
  const exact = sets.find(({ id }) => id === wanted)
  if (exact) return exact
  const labelled = sets.filter(({ manifest }) => manifest?.label === wanted)
  const matching = labelled.length > 0 ? labelled : wanted ? sets.filter(({ id }) => id.startsWith(wanted)) : []
  const ids = [...new Set(matching.map(({ id }) => id))]
  if (matching[0] && ids.length === 1) return matching[0]
  if (ids.length > 1)
    throw new AquaError('SET_AMBIGUOUS', `${wanted} stands for ${ids.length} sets`, { exit: 'usage', details: ids })
  const names = sets.flatMap(({ id, manifest }) => [id, ...(manifest?.label ? [manifest.label] : [])])
  const close = nearest(wanted, names)
  throw new AquaError('NO_SET', `there is no set ${wanted}`, {
    exit: 'usage',
    hint: close ? `did you mean ${close}?` : 'aqua backup list shows what there is',
  })
}
