import type { Stack } from '../docker/engine.ts'
import type { Context } from '../scripts/context.ts'
import { AquaError, isAquaError } from '../scripts/error.ts'
import type { Io } from '../scripts/step.ts'
import { type BackupSet, listSets, noManifest } from './catalog.ts'
import type { Policy } from './keep.ts'
import { takeBackupLock } from './lock.ts'
import { manifestName } from './manifest.ts'
import { connect, type Postgres } from './postgres.ts'
import { type Candidate, type Decision, decide } from './retention.ts'
import { Session } from './session.ts'
import type { Store } from './store/store.ts'

/** Left by an interrupted upload: on its way for this long, nobody is still writing it. */
const leftoverAfterMs = 24 * 3_600_000

export interface Pruned {
  decisions: Decision<Candidate & { set: BackupSet }>[]
  /** Ids of the sets that are gone. Empty in a dry run. */
  removed: string[]
  /** What their files took, in the store. */
  bytes: number
}

/**
 * Remove what the policy no longer wants from one store. Nothing is removed unless the whole store could be listed. A set
 * that cannot be removed (locked, no right to) is left whole; the others still go, and then this fails with their names.
 * Call it with the lock held, and after a backup only when that one succeeded.
 */
export async function prune(
  io: Pick<Io, 'progress' | 'signal'>,
  store: Store,
  policy: Policy,
  { dryRun, now }: { dryRun: boolean; now: Date },
): Promise<Pruned> {
  const decisions = decide((await listSets(store)).map(candidate), policy, now)
  const removed: BackupSet[] = []
  const refused: string[] = []
  const going = dryRun ? [] : decisions.filter(({ keep }) => !keep).map(({ set }) => set.set)
  for (const set of going.reverse()) {
    io.signal.throwIfAborted()
    io.progress(`removing ${set.id} from ${store.where}`)
    try {
      await removeSet(store, set)
      removed.push(set)
    } catch (error) {
      refused.push(`${set.id}: ${error instanceof Error ? error.message : error}`)
    }
  }
  if (refused.length > 0)
    throw new AquaError('PRUNE', `${refused.length} of ${going.length} sets could not be removed from ${store.where}`, {
      details: refused,
      hint: 'nothing else is affected; the next run tries again',
    })
  if (!dryRun) await store.sweep(new Date(now.getTime() - leftoverAfterMs))
  const bytes = removed.flatMap(({ files }) => files).reduce((sum, file) => sum + file.bytes, 0)
  return { decisions, removed: removed.map(({ id }) => id), bytes }
}

/** The manifest goes first: cut short at any point, what is left is unfinished work to everybody, and a later run's to sweep. */
async function removeSet(store: Store, set: BackupSet): Promise<void> {
  if (set.manifest) await store.remove(manifestName(set.id))
  for (const { name } of set.files) await store.remove(name)
}

function candidate(set: BackupSet): Candidate & { set: BackupSet } {
  const { id, takenAt, manifest, problem } = set
  const stateOf = {
    complete: 'complete',
    'old-style': 'old-style',
    incomplete: problem === noManifest ? 'unfinished' : 'damaged',
  } as const
  return {
    set,
    id,
    takenAt,
    state: stateOf[set.state],
    // A store is of one environment; what a copied manifest says decides all the same.
    environment: manifest?.environment ?? '',
    subjects: (manifest?.files ?? [])
      .filter(({ kind }) => kind !== 'roles')
      .map(({ kind, subject }) => `${kind}:${subject}`),
    label: manifest?.label,
  }
}

/**
 * Prune while no backup is at work. Where the stack's own database does not run, none can be: then it goes without the lock, since
 * a full disk may be what keeps the database down.
 */
export async function pruneLocked(
  io: Io,
  ctx: Pick<Context, 'env' | 'now'>,
  stack: Stack,
  store: Store,
  policy: Policy,
  waitSeconds: number,
): Promise<Pruned> {
  const options = { dryRun: false, now: ctx.now() }
  const postgres = await running(io, ctx, stack)
  if (!postgres) return prune(io, store, policy, options)
  const session = Session.open(io, postgres)
  try {
    await takeBackupLock(io, session, waitSeconds)
    return await prune(io, store, policy, options)
  } finally {
    await session.close()
  }
}

async function running(io: Io, ctx: Pick<Context, 'env'>, stack: Stack): Promise<Postgres | undefined> {
  try {
    return await connect({ env: ctx.env, probe: io.probe }, stack)
  } catch (error) {
    if (!isAquaError(error) || !['DATABASE_DOWN', 'ENGINE_DOWN', 'ENGINE_MISSING'].includes(error.code)) throw error
    io.out.note(`${error.message}: no backup can be at work`)
    return undefined
  }
}
