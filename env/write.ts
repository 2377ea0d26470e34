import { randomUUID } from 'node:crypto'
import fs from 'node:fs/promises'
import path from 'node:path'
import { AquaError, hasCode } from '../scripts/error.ts'

/** Thrown when the file is no longer what was read; the caller reads again. */
export class FileChanged extends Error {}

/** Follows symbolic links to the file that is meant, also where that one does not exist yet. */
async function targetOf(file: string, hops = 0): Promise<string> {
  const link = await fs.readlink(file).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT', 'EINVAL', 'UNKNOWN')) return undefined
    throw error
  })
  if (link === undefined) return file
  if (hops === 40)
    throw new AquaError('ENV_FILE_LOOP', `${file} is a symbolic link to itself`, { hint: `ls -l ${file}` })
  return targetOf(path.resolve(path.dirname(file), link), hops + 1)
}

/**
 * Replace the whole of a file, or make it, so that a crash leaves the old bytes or the new ones. `before` is what was read:
 * undefined means that there must be no file. A new file is for its owner alone; an old one keeps its mode and owner.
 */
export async function writeWhole(file: string, before: string | undefined, after: string): Promise<void> {
  const target = await targetOf(file)
  const folder = path.dirname(target)
  const temporary = path.join(folder, `.${path.basename(target)}.${randomUUID()}`)
  await fs.mkdir(folder, { recursive: true })
  try {
    const handle = await fs.open(temporary, 'wx', 0o600)
    try {
      if (before !== undefined) {
        const { mode, uid, gid } = await fs.stat(target)
        // Only root can give a file away; anybody else owns the old one already, or made a copy of it.
        if (process.getuid?.() === 0) await handle.chown(uid, gid)
        await handle.chmod(mode & 0o777)
      }
      await handle.writeFile(after)
      await handle.sync()
    } finally {
      await handle.close()
    }
    if (before === undefined) await place(temporary, target)
    else {
      if ((await fs.readFile(target, 'utf8')) !== before) throw new FileChanged()
      await fs.rename(temporary, target)
    }
  } finally {
    await fs.rm(temporary, { force: true })
  }
  await syncFolder(folder)
}

/** A hard link refuses where rename would overwrite; file systems without links get a check and a rename. */
async function place(temporary: string, target: string): Promise<void> {
  try {
    await fs.link(temporary, target)
  } catch (error) {
    if (hasCode(error, 'EEXIST')) throw new FileChanged()
    if (!hasCode(error, 'EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP')) throw error
    const taken = await fs.stat(target).then(
      () => true,
      () => false,
    )
    if (taken) throw new FileChanged()
    await fs.rename(temporary, target)
  }
}

/** Makes the new name last through a power cut, where the system lets a folder be synced. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await fs.open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}
