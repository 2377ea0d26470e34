import path from 'node:path'
import { type Loaded, plain } from '../../env/load.ts'
import type { Context } from '../../scripts/context.ts'
import { LocalStore } from './local.ts'
import type { Store } from './store.ts'

/** Where local backups lie unless BACKUP_DIR says otherwise. */
export const localFolder = 'backup/artifacts'

/** The store of an environment, by the BACKUP_* variables. The S3 client is loaded only when it is needed. */
export async function openStore(
  kind: Store['kind'],
  loaded: Loaded,
  ctx: Pick<Context, 'root' | 'now'>,
): Promise<Store> {
  if (kind === 'local') {
    const named = plain(loaded, 'BACKUP_DIR')
    const folder = path.resolve(ctx.root, named || localFolder)
    return new LocalStore(path.join(folder, loaded.stage), { make: !named })
  }
  const { openS3 } = await import('./s3.ts')
  return openS3(loaded, ctx)
}
