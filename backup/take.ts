import fs from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import type { Io } from '../scripts/step.ts'
import { bytes } from '../scripts/table.ts'
import type { Stage } from '../scripts/task.ts'
import { Destinations } from './destinations.ts'
import { type Source, startDump } from './dump.ts'
import { endDumpsSql, takeBackupLock } from './lock.ts'
import { type Manifest, type ManifestFile, manifestName } from './manifest.ts'
import { type Packing, storeFile } from './pipeline.ts'
import { type Postgres, query } from './postgres.ts'
import { dumpRoles } from './roles.ts'
import { Session } from './session.ts'
import { countRows, listExtensions, openSnapshot } from './snapshot.ts'
import type { Store } from './store/store.ts'
import { beginSet } from './unfinished.ts'

export interface Wanted {
  stage: Stage
  /** All of them exist. */
  schemas: readonly string[]
  /** Bucket → where its tar comes from. */
  buckets: ReadonlyMap<string, () => Source>
  packing: Packing
  stores: readonly Store[]
  label: string | undefined
  safety: string | undefined
  /** How long to wait for another backup to end. */
  waitSeconds: number
}

export interface Taken {
  manifest: Manifest
  /** Where the set is whole. */
  stores: readonly Store[]
  /** Seconds per file name. */
  seconds: ReadonlyMap<string, number>
  /** A store that failed while another got its set. */
  failure: AquaError | undefined
}

type Run = Pick<Context, 'now' | 'root'>

export interface Hooks {
  /** After success, with the lock still held; what fails in there leaves the set as it is. */
  whileLocked?(taken: Taken): Promise<void>
  /** Hands over what has to be done in the database after Ctrl-C, when this run can no longer start anything. */
  afterInterrupt?(undo: (io: Pick<Io, 'probe'>) => Promise<void>): void
}

/** Take one set under the backup lock. Fails with nothing left behind in the stores. */
export async function takeSet(io: Io, ctx: Run, postgres: Postgres, wanted: Wanted, hooks: Hooks = {}): Promise<Taken> {
  const session = Session.open(io, postgres)
  let undo: string[] = []
  // A pg_dump in a container outlives its client, and so does psql while it waits for an answer.
  const end = async (using: Pick<Io, 'probe'>) => {
    for (const sql of undo) await query(using, postgres, sql).catch(() => {})
  }
  hooks.afterInterrupt?.(end)
  let done = false
  try {
    const backend = await takeBackupLock(io, session, wanted.waitSeconds)
    undo = [`SELECT pg_terminate_backend(${backend})`]
    const taken = await fill(io, ctx, postgres, session, wanted, (id) => undo.push(endDumpsSql(id)))
    await hooks.whileLocked?.(taken)
    done = true
    return taken
  } finally {
    if (done) await session.close()
    else {
      if (!io.signal.aborted) await end(io)
      session.kill()
    }
  }
}

/** Every schema at the same moment, roles and row counts of that moment, the buckets, and the manifest last. */
async function fill(
  io: Io,
  ctx: Run,
  postgres: Postgres,
  session: Session,
  wanted: Wanted,
  onBegin: (id: string) => void,
): Promise<Taken> {
  const destinations = new Destinations(wanted.stores)
  const started = ctx.now()
  const snapshot = await openSnapshot(session, wanted.schemas)
  const { id, at } = await beginSet(io, ctx.now, destinations)
  onBegin(id)
  const seconds = new Map<string, number>()
  // What fails beside others ends them: a count takes the snapshot with it, a dump the whole set.
  const lost = new AbortController()
  const working = { stream: io.stream, signal: AbortSignal.any([io.signal, lost.signal]) }
  const add = async (kind: ManifestFile['kind'], subject: string, start: () => Source) => {
    const from = performance.now()
    const show = progressOf(io, subject || kind)
    const file = await storeFile(working, start, { kind, subject, id }, wanted.packing, destinations, show)
    seconds.set(file.name, (performance.now() - from) / 1000)
    return file
  }
  let storedRoles: Promise<ManifestFile> | undefined
  // Beside the dumps, for which the snapshot is enough; one question after the other, since there is one connection.
  const ask = async () => {
    const roles = await dumpRoles(session, wanted.schemas)
    lost.signal.throwIfAborted()
    storedRoles = add('roles', '', () => textSource(roles.sql))
    storedRoles.catch((error) => lost.abort(error))
    const extensions = await listExtensions(session)
    const rows = await countRows(session, wanted.schemas, snapshot)
    return { roles, extensions, rows, file: await storedRoles }
  }
  try {
    const asked = ask()
    asked.catch((error) => lost.abort(error))
    const dump = (schema: string) => add('schema', schema, () => startDump(io, postgres, schema, snapshot.id, id))
    const dumped = await sideBySide(wanted.schemas, dump, lost)
    const { roles, extensions, rows, file } = await asked
    const files = [file, ...dumped]
    // From here on the server may clean up behind the snapshot again.
    await session.query('COMMIT')
    for (const [bucket, start] of wanted.buckets) files.push(await add('bucket', bucket, start))
    const manifest: Manifest = {
      format: 1,
      id,
      environment: wanted.stage,
      takenAt: at.toISOString(),
      seconds: (ctx.now().getTime() - started.getTime()) / 1000,
      ...(wanted.label === undefined ? {} : { label: wanted.label }),
      ...(wanted.safety === undefined ? {} : { safety: wanted.safety }),
      database: postgres.database,
      server: postgres.server,
      tool: { aqua: await ownVersion(ctx), client: postgres.client },
      extensions,
      roles: roles.referred,
      files,
      rows,
      recipients: [...wanted.packing.recipients],
    }
    // The lock lives as long as this connection: without it another run may have taken our files for a dead run's.
    await session.query('SELECT 1')
    await destinations.each((store) => checkStored(store, files))
    io.signal.throwIfAborted()
    await destinations.each(async (store) => {
      destinations.made(store, manifestName(id))
      await store.write(manifestName(id), `${JSON.stringify(manifest, null, 1)}\n`)
    })
    await destinations.clear([...destinations.failures.keys()])
    return { manifest, stores: destinations.left, seconds, failure: destinations.partial(id) }
  } catch (error) {
    lost.abort(error)
    // What is still being written would come after the clearing.
    await storedRoles?.catch(() => {})
    await destinations.clear(wanted.stores)
    throw lost.signal.reason
  }
}

/**
 * Schemas dumped at a time. While one begins or ends, which is mostly waiting, the others keep the processors busy: three take a
 * tenth less time than two on two cores. More would take memory here and load there.
 */
const atATime = 3

/** Does `work` for all, a few at a time, and answers in their order. The first failure ends the others; all have ended when this does. */
async function sideBySide<T, R>(all: readonly T[], work: (one: T) => Promise<R>, lost: AbortController): Promise<R[]> {
  const results: R[] = []
  const left = all.entries()
  const worker = async () => {
    for (const [place, one] of left) {
      lost.signal.throwIfAborted()
      results[place] = await work(one)
    }
  }
  const workers = Array.from({ length: atATime }, () => worker().catch((error) => lost.abort(error)))
  await Promise.all(workers)
  lost.signal.throwIfAborted()
  return results
}

/** What the stores say they have is what went in. */
async function checkStored(store: Store, files: readonly ManifestFile[]): Promise<void> {
  const sizes = new Map((await store.list()).map(({ name, bytes }) => [name, bytes]))
  const wrong = files.find(({ name, stored }) => sizes.get(name) !== stored.bytes)
  if (!wrong) return
  const size = sizes.get(wrong.name)
  throw new AquaError(
    'STORE_LOST',
    `${store.where} has ${size === undefined ? 'no' : `${size} bytes of`} ${wrong.name} (${wrong.stored.bytes} bytes)`,
    { hint: 'does another backup write to the same place? each database needs its own folder or prefix' },
  )
}

function textSource(text: string): Source {
  const readable = Readable.from([Buffer.from(text)])
  return { readable, finished: Promise.resolve(), stop: () => readable.destroy() }
}

const showEveryMs = 250

function progressOf(io: Pick<Io, 'progress'>, what: string): (count: number) => void {
  const from = performance.now()
  let shown = from
  return (count) => {
    const now = performance.now()
    if (now - shown < showEveryMs) return
    shown = now
    io.progress(`${what}: ${bytes(count)}, ${bytes((count / (now - from)) * 1000)}/s`)
  }
}

async function ownVersion(ctx: Run): Promise<string> {
  const { version } = JSON.parse(await fs.readFile(path.join(ctx.root, 'package.json'), 'utf8')) as { version: string }
  return version
}
