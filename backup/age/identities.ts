import fs from 'node:fs/promises'
import path from 'node:path'
import { type Loaded, plain } from '../../env/load.ts'
import type { Context } from '../../scripts/context.ts'
import { AquaError, hasCode } from '../../scripts/error.ts'
import { Secret } from '../../scripts/secret.ts'

/** The file with the secret keys: BACKUP_IDENTITY_FILE, relative to the project. Refuses when it is not set. */
export function identityFile(ctx: Pick<Context, 'root'>, loaded: Loaded): string {
  const named = plain(loaded, 'BACKUP_IDENTITY_FILE')
  if (named) return path.resolve(ctx.root, named)
  throw new AquaError(
    'NO_IDENTITY',
    'the backup is encrypted and BACKUP_IDENTITY_FILE names no file with a secret key',
    {
      exit: 'missing',
      hint: 'BACKUP_IDENTITY_FILE=<file made by aqua backup keygen>, for this one run or in the env file',
    },
  )
}

/**
 * The secret keys of a file as age-keygen writes it. `warn` hears when others than its owner may read it.
 */
export async function readIdentities(file: string, warn: (text: string) => void = () => {}): Promise<Secret[]> {
  const text = await fs.readFile(file, 'utf8').catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR')) throw error
    throw new AquaError('IDENTITY_UNREADABLE', `the identity file cannot be read (${error.code}: ${file})`, {
      exit: 'missing',
      hint: 'BACKUP_IDENTITY_FILE names it',
      cause: error,
    })
  })
  if (text.startsWith('age-encryption.org/') || text.startsWith('-----BEGIN AGE'))
    throw unusable(file, 'is itself encrypted', `age -d ${file} > <another file>, and name that one`)
  const lines = text.split('\n').map((line) => line.trim())
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#'))
  if (keys.length === 0) throw unusable(file, 'holds no secret key', 'aqua backup keygen writes one')
  const { identityToRecipient } = await import('age-encryption')
  for (const key of keys) {
    // The thrown error may quote the key: it is not passed on.
    const usable = await Promise.resolve()
      .then(() => identityToRecipient(key))
      .then(
        () => true,
        () => false,
      )
    if (!usable)
      throw unusable(
        file,
        `has a line that is no secret key of age (line ${lines.indexOf(key) + 1})`,
        'AGE-SECRET-KEY-…',
      )
  }
  const { mode } = await fs.stat(file)
  if (process.platform !== 'win32' && mode & 0o077) warn(`others may read ${file}: chmod 600 ${file}`)
  return keys.map((key) => new Secret(key))
}

function unusable(file: string, what: string, hint: string): AquaError {
  return new AquaError('IDENTITY_UNUSABLE', `${file} ${what}`, { exit: 'missing', hint })
}
