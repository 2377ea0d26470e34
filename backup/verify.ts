import type { Context } from '../scripts/context.ts'
import { isAquaError } from '../scripts/error.ts'
import type { Secret } from '../scripts/secret.ts'
import type { Io } from '../scripts/step.ts'
import { bytes as shown } from '../scripts/table.ts'
import { checkArchive, type Packed } from './archive.ts'
import type { BackupSet } from './catalog.ts'
import { packing } from './manifest.ts'
import type { Postgres } from './postgres.ts'

export interface Verdict {
  file: string
  /** As stored. */
  bytes: number
  seconds: number
  /** What is wrong with it; undefined when nothing is. */
  problem?: string
}

export interface Checked {
  set: BackupSet
  verdicts: Verdict[]
}

/** What an error says of the file; any other error says that it could not be looked at. */
const findings = new Set(['ARCHIVE_DAMAGED', 'IDENTITY_MISMATCH', 'STORE_MISSING'])

/** Read every byte of every file of a set, to the inside of the archives. Rejects where a file cannot be judged at all. */
export async function verifySet(
  io: Pick<Io, 'stream' | 'progress'>,
  postgres: Pick<Postgres, 'command'>,
  set: BackupSet,
  identities: () => Promise<readonly Secret[]>,
): Promise<Checked> {
  const verdicts: Verdict[] = []
  for (const { name: file, bytes } of set.files) {
    const started = performance.now()
    const problem = await checkArchive(io, postgres, packedOf(set, file), identities, progress(io, file, bytes)).then(
      () => undefined,
      (error: unknown) => {
        if (isAquaError(error) && findings.has(error.code)) return error.message
        throw error
      },
    )
    const seconds = (performance.now() - started) / 1000
    verdicts.push({ file, bytes, seconds, ...(problem === undefined ? {} : { problem }) })
  }
  const gone = set.missing.filter((name) => !verdicts.some(({ file }) => file === name))
  const absent = gone.map((file) => ({ file, bytes: 0, seconds: 0, problem: `${file} is not there` }))
  return { set, verdicts: [...verdicts, ...absent] }
}

/** A file of a set with all that its manifest says of it. */
export function packedOf({ store, manifest }: Pick<BackupSet, 'store' | 'manifest'>, name: string): Packed {
  const known = manifest?.files.find((file) => file.name === name)
  if (!known) return { store, name, ...packing(name) }
  const { compression, encrypted, stored, compressed, plainBytes } = known
  return { store, name, compression, encrypted, stored, compressed, plainBytes }
}

function progress(io: Pick<Io, 'progress'>, file: string, bytes: number): (read: number) => void {
  let shown = -1
  return (read) => {
    const percent = bytes === 0 ? 100 : Math.floor((100 * read) / bytes)
    if (percent > shown) io.progress(`${file}: ${percent} %`)
    shown = Math.max(shown, percent)
  }
}

/** The pg_restore of this machine, for archives that are to be read where no database runs. */
export async function localRestore(ctx: Pick<Context, 'probe'>): Promise<Pick<Postgres, 'command'> | undefined> {
  const { code } = await ctx.probe(['pg_restore', '--version'])
  return code === 0 ? { command: (program, args) => ({ argv: [program, ...args], env: {} }) } : undefined
}

/** All that is wrong with a set, in sentences; empty for a good one. */
export function problemsOf({ set, verdicts }: Checked): string[] {
  const problems = verdicts.flatMap(({ problem }) => problem ?? [])
  return problems.length === 0 && set.problem ? [`${set.id} in ${set.store.where}: ${set.problem}`] : problems
}

export function verdictRows({ set, verdicts }: Checked): Record<string, string>[] {
  return verdicts.map(({ file, bytes, seconds, problem }) => ({
    store: set.store.kind,
    file,
    size: shown(bytes),
    took: `${seconds.toFixed(1)} s`,
    state: problem ? 'damaged' : 'good',
  }))
}

/** A checked set in JSON. */
export function checkedAs(checked: Checked): Record<string, unknown> {
  const { id, store, state } = checked.set
  const files = checked.verdicts.map((verdict) => ({ ...verdict, problem: verdict.problem ?? null }))
  return { id, store: store.kind, where: store.where, state, problems: problemsOf(checked), files }
}
