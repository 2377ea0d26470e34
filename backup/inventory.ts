import path from 'node:path'
import { type Loaded, plain } from '../env/load.ts'
import type { Context } from '../scripts/context.ts'
import { type BackupSet, listSets } from './catalog.ts'
import { LocalStore } from './store/local.ts'
import { openStore } from './store/open.ts'
import type { Store } from './store/store.ts'

/** The stores an environment has: the folder always, S3 where a bucket is named. */
export async function storesOf(
  ctx: Pick<Context, 'root' | 'now'>,
  loaded: Loaded,
  only: Store['kind'] | undefined,
): Promise<Store[]> {
  const kinds: Store['kind'][] = only ? [only] : plain(loaded, 'BACKUP_S3_BUCKET') ? ['local', 's3'] : ['local']
  return Promise.all(kinds.map((kind) => openStore(kind, loaded, ctx)))
}

/**
 * Every set there is for an environment, newest first, of two copies the local one first. Old-style files lie flat in the
 * folder above the environments' own and belong to none of them: each one lists them.
 */
export async function allSets(
  ctx: Pick<Context, 'root' | 'now'>,
  loaded: Loaded,
  only: Store['kind'] | undefined,
): Promise<BackupSet[]> {
  const stores = await storesOf(ctx, loaded, only)
  const lists = stores.map((store) => listSets(store))
  const local = stores.find(({ kind }) => kind === 'local')
  if (local) {
    const above = new LocalStore(path.dirname(local.where), { make: true })
    lists.push(listSets(above).then((sets) => sets.filter(({ state }) => state === 'old-style')))
  }
  const sets = (await Promise.all(lists)).flat()
  return sets.sort((a, b) => b.takenAt.getTime() - a.takenAt.getTime())
}
