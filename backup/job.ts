import type { Stack } from '../docker/engine.ts'
import { type Loaded, plain } from '../env/load.ts'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import { shown } from '../scripts/quote.ts'
import type { Io } from '../scripts/step.ts'
import { bytes, table } from '../scripts/table.ts'
import { readRecipients, recipientsFile } from './age/recipients.ts'
import { dumpCommand } from './dump.ts'
import { parsePolicy } from './keep.ts'
import { type Compression, fileName, type ManifestFile } from './manifest.ts'
import { pingStart } from './notify.ts'
import { bucketSource, presentBuckets } from './objects.ts'
import { openObjectServer } from './objectserver.ts'
import { connect, type Postgres } from './postgres.ts'
import { prune } from './prune.ts'
import { type Reached, reportOutcome } from './report.ts'
import { type Chosen, chooseSchemas } from './schemas.ts'
import { openStore } from './store/open.ts'
import { type Hooks, type Taken, takeSet, type Wanted } from './take.ts'

export interface BackupOptions {
  /** Empty: all of the catalogue that exist. */
  schemas: readonly string[]
  encrypt: boolean
  to: 'local' | 's3' | 'both'
  compress: Compression
  buckets: boolean
  label: string | undefined
  waitSeconds: number
  prune: boolean
}

export interface Prepared {
  postgres: Postgres
  chosen: Chosen
  wanted: Wanted
}

type World = Pick<Context, 'root' | 'env' | 'stateDir' | 'now'>

/** Everything that can be refused before anything is written: configuration first, then the database and the buckets. */
export async function prepare(
  io: Pick<Io, 'probe'>,
  ctx: World,
  stack: Stack,
  loaded: Loaded,
  options: BackupOptions,
): Promise<Prepared> {
  const recipients = options.encrypt ? await readRecipients(recipientsFile(ctx, loaded)) : []
  const kinds = options.to === 'both' ? (['local', 's3'] as const) : [options.to]
  const stores = await Promise.all(kinds.map((kind) => openStore(kind, loaded, ctx)))
  const postgres = await connect({ env: ctx.env, probe: io.probe }, stack)
  const chosen = await chooseSchemas(io, postgres, options.schemas)
  const buckets: Wanted['buckets'] = options.buckets ? await bucketSources(io, stack, loaded) : new Map()
  if (options.buckets && buckets.size === 0)
    throw new AquaError('NO_BUCKETS', `none of the services' buckets exists`, {
      hint: 'aqua up makes the buckets of MINIO_BOOTSTRAP_BUCKETS',
    })
  const wanted: Wanted = {
    stage: loaded.stage,
    schemas: chosen.schemas,
    buckets,
    packing: { compression: options.compress, recipients },
    stores,
    label: options.label,
    safety: undefined,
    waitSeconds: options.waitSeconds,
  }
  return { postgres, chosen, wanted }
}

/** The services' buckets that exist, each with where its tar comes from. */
export async function bucketSources(io: Pick<Io, 'probe'>, stack: Stack, loaded: Loaded): Promise<Wanted['buckets']> {
  const server = await openObjectServer(io, stack, loaded)
  const present = await presentBuckets(server, server.buckets)
  return new Map(present.map((bucket) => [bucket, () => bucketSource(server, bucket)]))
}

/** What a run would do, command by command. */
export function preview({ postgres, chosen, wanted }: Prepared, policy: string | undefined): string[] {
  const { compression, recipients } = wanted.packing
  const places = wanted.stores.map(({ where }) => where).join(' and ')
  const target = (kind: ManifestFile['kind'], subject: string) =>
    `  → ${fileName(kind, subject, '<time>', compression, recipients.length > 0)} in ${places}`
  return [
    `take the backup lock in ${postgres.database} (${postgres.where}) and export a snapshot`,
    'roles without passwords',
    target('roles', ''),
    ...chosen.schemas.flatMap((schema) => [
      shown(dumpCommand(postgres, schema, '<snapshot>', '<time>').argv),
      target('schema', schema),
    ]),
    ...[...wanted.buckets.keys()].flatMap((bucket) => [`tar of the bucket ${bucket}`, target('bucket', bucket)]),
    `<time>.manifest.json in ${places}`,
    ...(policy === undefined ? [] : [`then prune by ${policy}`]),
  ]
}

/**
 * A whole run: the set, retention, and the report to whoever wants to know, also of what failed before it began. An interrupted
 * run is reported to nobody: somebody sat there.
 */
export async function runBackup(
  io: Io,
  ctx: World,
  stack: Stack,
  loaded: Loaded,
  options: BackupOptions,
  hooks: Pick<Hooks, 'afterInterrupt'>,
): Promise<void> {
  const from = performance.now()
  const seconds = () => (performance.now() - from) / 1000
  await pingStart(io, loaded)
  try {
    const policy = options.prune ? parsePolicy(plain(loaded, 'BACKUP_KEEP') ?? '') : undefined
    const prepared = await prepare(io, ctx, stack, loaded, options)
    const { postgres, chosen, wanted } = prepared
    for (const schema of chosen.absent) io.out.note(`schema ${schema} is not in ${postgres.database}`)
    if (chosen.unasked.length > 0)
      io.out.warn(`not in the set, since no service owns them: ${chosen.unasked.join(', ')} (--schema names schemas)`)
    const reached: Reached[] = []
    const taken = await takeSet(io, ctx, postgres, wanted, {
      ...hooks,
      async whileLocked(set) {
        tell(io, set, chosen)
        // A run that fails deletes nothing.
        if (set.failure) throw set.failure
        for (const store of set.stores) {
          const pruned = policy && (await prune(io, store, policy, { dryRun: false, now: ctx.now() }))
          reached.push({ kind: store.kind, decisions: pruned?.decisions })
        }
      },
    })
    const { id, files } = taken.manifest
    const size = total(files)
    await reportOutcome(io, ctx, loaded, {
      task: 'backup',
      ok: true,
      seconds: seconds(),
      set: id,
      bytes: size,
      stores: reached,
    })
  } catch (error) {
    if (!io.signal.aborted) {
      const said = error instanceof Error ? error.message : String(error)
      await reportOutcome(io, ctx, loaded, { task: 'backup', ok: false, seconds: seconds(), error: said })
    }
    throw error
  }
}

function total(files: readonly ManifestFile[]): number {
  return files.reduce((sum, { stored }) => sum + stored.bytes, 0)
}

/** The set for people and, with `--json`, for programs. */
function tell(io: Io, { manifest, stores, seconds }: Taken, chosen: Chosen): void {
  const { id, files, rows } = manifest
  const where = stores.map((store) => store.where)
  io.result({
    set: id,
    files: files.map(({ name }) => name),
    bytes: total(files),
    stores: where,
    absent: chosen.absent,
  })
  io.done(`set ${id}: ${bytes(total(files))} in ${where.join(' and ')}`)
  const count = (schema: string) => Object.values(rows[schema] ?? {}).reduce((sum, number) => sum + number, 0)
  const line = (file: ManifestFile) => ({
    file: file.name,
    rows: file.kind === 'schema' ? String(count(file.subject)) : '',
    size: bytes(file.plainBytes),
    stored: bytes(file.stored.bytes),
    seconds: (seconds.get(file.name) ?? 0).toFixed(1),
  })
  for (const text of table(files.map(line))) io.out.print(text)
}
