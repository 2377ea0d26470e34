import fs from 'node:fs/promises'
import path from 'node:path'
import { type Loaded, plain } from '../../env/load.ts'
import type { Context } from '../../scripts/context.ts'
import { AquaError, hasCode } from '../../scripts/error.ts'

export const committedRecipients = 'backup/recipients.txt'

/** The file with the public keys: BACKUP_RECIPIENTS_FILE, relative to the project, or the committed one. */
export function recipientsFile(ctx: Pick<Context, 'root'>, loaded: Loaded): string {
  return path.resolve(ctx.root, plain(loaded, 'BACKUP_RECIPIENTS_FILE') || committedRecipients)
}

/**
 * The public keys of a file in the format of age's recipients files: one per line, `#` begins a comment. Refuses a file without any,
 * one that age cannot encrypt to, and post-quantum keys beside classic ones: the weakest would decide.
 */
export async function readRecipients(file: string): Promise<string[]> {
  const name = path.basename(file)
  const text = await fs.readFile(file, 'utf8').catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR')) throw error
    throw new AquaError(
      'RECIPIENTS_UNREADABLE',
      `the recipients of encrypted backups cannot be read (${error.code}: ${file})`,
      {
        exit: 'missing',
        hint: `aqua backup keygen --add writes ${committedRecipients}; BACKUP_RECIPIENTS_FILE names another file`,
        cause: error,
      },
    )
  })
  const lines = text.split('\n').map((line, index) => ({ recipient: line.trim(), line: index + 1 }))
  const found = lines.filter(({ recipient }) => recipient !== '' && !recipient.startsWith('#'))
  if (found.length === 0)
    throw new AquaError('NO_RECIPIENTS', `${name} has no recipient, so nothing can be encrypted`, {
      exit: 'missing',
      hint: 'aqua backup keygen --add makes a key and adds its public half',
    })
  for (const { recipient, line } of found) await checkRecipient(recipient, `${name}:${line}`)
  const recipients = [...new Set(found.map(({ recipient }) => recipient))]
  checkMix(recipients, name)
  return recipients
}

/** Refuses post-quantum keys beside classic ones. */
export function checkMix(recipients: readonly string[], file: string): void {
  const safe = recipients.filter(isPostQuantum)
  if (safe.length === 0 || safe.length === recipients.length) return
  const classic = recipients.length - safe.length
  throw new AquaError('RECIPIENTS_MIXED', `${file} mixes post-quantum and classic recipients`, {
    exit: 'refused',
    hint: `keep one kind: a file that a classic key opens is no safer than that key (${safe.length} and ${classic})`,
  })
}

function isPostQuantum(recipient: string): boolean {
  return recipient.startsWith('age1pq1') || recipient.startsWith('age1tagpq1')
}

/** By trying: a key of the right shape that cannot be encrypted to is found here and not in the middle of a backup. */
async function checkRecipient(recipient: string, where: string): Promise<void> {
  if (recipient.startsWith('AGE-SECRET-KEY-'))
    throw new AquaError('SECRET_IN_RECIPIENTS', `${where} is a secret key, and this file is for public ones`, {
      exit: 'refused',
      hint: 'take it out, make a new pair with aqua backup keygen, and treat the old one as known to others',
    })
  if (recipient.startsWith('ssh-'))
    throw new AquaError('RECIPIENT_UNUSABLE', `${where} is an SSH key, which aqua cannot encrypt to`, {
      exit: 'refused',
      hint: 'use an age key: aqua backup keygen --add',
    })
  try {
    const { Encrypter } = await import('age-encryption')
    const encrypter = new Encrypter()
    encrypter.addRecipient(recipient)
    await encrypter.encrypt(new Uint8Array())
  } catch (error) {
    throw new AquaError('RECIPIENT_UNUSABLE', `${where} is no recipient that age can encrypt to`, {
      exit: 'refused',
      hint: 'one age1… per line, as aqua backup keygen and age-keygen print it',
      cause: error,
    })
  }
}
