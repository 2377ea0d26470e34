import path from 'node:path'
import type { Context } from '../scripts/context.ts'
import { bytes, table } from '../scripts/table.ts'
import type { BackupSet, SetFile } from './catalog.ts'
import { packing } from './manifest.ts'
import type { Pruned } from './prune.ts'

/** Rows and properties of sets, for the tables of `backup list` and `backup show`. */
type Now = Pick<Context, 'root' | 'now'>

export function listRow(set: BackupSet, ctx: Now): Record<string, string> {
  return {
    set: set.id,
    age: age(set.takenAt, ctx.now()),
    state: set.state,
    holds: holds(set),
    size: bytes(sizeOf(set)),
    label: set.manifest?.label ?? (set.manifest?.safety ? `(${set.manifest.safety})` : ''),
    encrypted: encrypted(set),
    where: whereOf(set, ctx),
  }
}

/** One set in JSON. Sizes in bytes. */
export function listedAs(set: BackupSet): Record<string, unknown> {
  const { id, state, takenAt, missing, problem, manifest, store } = set
  return {
    id,
    state,
    takenAt: takenAt.toISOString(),
    label: manifest?.label ?? null,
    safety: manifest?.safety ?? null,
    bytes: sizeOf(set),
    encrypted: encrypted(set),
    store: store.kind,
    where: store.where,
    files: set.files,
    missing,
    problem: problem ?? null,
  }
}

export function properties(set: BackupSet, ctx: Now): [name: string, value: string][] {
  const { manifest, problem } = set
  const all: [string, string | undefined][] = [
    ['set', set.id],
    ['state', problem ? `${set.state}: ${problem}` : set.state],
    ['taken', `${set.takenAt.toISOString()} (${age(set.takenAt, ctx.now())} ago)`],
    ['where', whereOf(set, ctx)],
    ['size', bytes(sizeOf(set))],
    ['label', manifest?.label],
    ['safety set', manifest?.safety],
    ['environment', manifest?.environment],
    ['database', manifest && `${manifest.database}, ${manifest.server.encoding}`],
    [
      'versions',
      manifest && `PostgreSQL ${manifest.server.version}, pg_dump ${manifest.tool.client}, aqua ${manifest.tool.aqua}`,
    ],
    ['extensions', manifest?.extensions.map(({ name, version }) => `${name} ${version}`).join(', ')],
    ['roles', manifest?.roles.join(', ')],
    ['recipients', manifest?.recipients.join(', ')],
    ['took', manifest && `${manifest.seconds} s`],
  ]
  return all.filter((pair): pair is [string, string] => Boolean(pair[1]))
}

export function fileRow(set: BackupSet, { name, bytes: stored, kind, subject }: SetFile): Record<string, string> {
  const known = set.manifest?.files.find((file) => file.name === name)
  return {
    file: name,
    holds: subject ? `${kind} ${subject}` : kind,
    stored: bytes(stored),
    plain: known ? bytes(known.plainBytes) : '',
    sha256: known?.stored.sha256.slice(0, 16) ?? '',
  }
}

function holds({ files }: BackupSet): string {
  const schemas = files.filter(({ kind }) => kind === 'schema').map(({ subject }) => subject)
  const buckets = files.filter(({ kind }) => kind === 'bucket').map(({ subject }) => `s3:${subject}`)
  return [...schemas, ...buckets].join(',')
}

function sizeOf({ files }: BackupSet): number {
  return files.reduce((sum, file) => sum + file.bytes, 0)
}

/** A set is encrypted when each of its files is. */
function encrypted({ files }: BackupSet): string {
  const count = files.filter(({ name }) => packing(name).encrypted).length
  return count === 0 ? 'no' : count === files.length ? 'yes' : 'partly'
}

function whereOf({ store }: BackupSet, { root }: Pick<Context, 'root'>): string {
  const relative = path.relative(root, store.where)
  return store.kind === 'local' && !relative.startsWith('..') ? relative : store.where
}

/** `35 min`, `7 h`, `12 d`: the largest unit that says at least 1, days up from two of them. */
export function age(at: Date, now: Date): string {
  const minutes = Math.floor((now.getTime() - at.getTime()) / 60_000)
  if (minutes < 0) return 'in the future'
  if (minutes < 60) return `${minutes} min`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / (24 * 60))} d`
}

/** Each set with why it stays or goes, as a table. */
export function decisionLines(decisions: Pruned['decisions'], ctx: Now): string[] {
  const rows = decisions.map(({ set: { set }, reason }) => ({
    set: set.id,
    age: age(set.takenAt, ctx.now()),
    reason,
  }))
  return rows.length > 0 ? table(rows) : ['there is no set']
}
