import fs from 'node:fs/promises'
import path from 'node:path'
import { AquaError, hasCode } from '../../scripts/error.ts'
import { checkMix, readRecipients } from './recipients.ts'

export interface KeyFiles {
  /** Where the secret half goes; must not exist. */
  identity: string
  /** The recipients file that gets the public half; undefined leaves every file as it is. */
  recipients: string | undefined
}

/**
 * A new pair in the format of age-keygen: the secret half into a file for its owner alone, never over another file.
 * Gives the public half. Refuses to add a key that the recipients there cannot stand beside.
 */
export async function makeKey(files: KeyFiles, postQuantum: boolean, now: Date): Promise<string> {
  const age = await import('age-encryption')
  const secret = await (postQuantum ? age.generateHybridIdentity() : age.generateX25519Identity())
  const recipient = await age.identityToRecipient(secret)
  const there = files.recipients === undefined ? [] : await known(files.recipients)
  if (files.recipients !== undefined) checkMix([...there, recipient], path.basename(files.recipients))
  const text = `# created: ${now.toISOString()}\n# public key: ${recipient}\n${secret}\n`
  try {
    await fs.writeFile(files.identity, text, { flag: 'wx', mode: 0o600, flush: true })
  } catch (error) {
    throw identityFailure(error, files.identity)
  }
  if (files.recipients !== undefined) await append(files.recipients, recipient)
  return recipient
}

/** A file without any yet is fine here; one with something unusable in it is not. */
async function known(file: string): Promise<string[]> {
  try {
    return await readRecipients(file)
  } catch (error) {
    if (error instanceof AquaError && error.code === 'NO_RECIPIENTS') return []
    if (error instanceof AquaError && hasCode(error.cause, 'ENOENT')) return []
    throw error
  }
}

async function append(file: string, recipient: string): Promise<void> {
  const before = await fs.readFile(file, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return ''
    throw error
  })
  await fs.appendFile(file, `${before === '' || before.endsWith('\n') ? '' : '\n'}${recipient}\n`, { flush: true })
}

function identityFailure(error: unknown, file: string): unknown {
  if (hasCode(error, 'EEXIST'))
    return new AquaError('IDENTITY_EXISTS', `${file} exists, and a secret key is never overwritten`, {
      exit: 'refused',
      hint: '--out <another file>',
    })
  if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EROFS', 'EISDIR'))
    return new AquaError('IDENTITY_UNWRITABLE', `${file} cannot be written (${error.code})`, {
      exit: 'missing',
      hint: `ls -ld ${path.dirname(file)}; --out <another file>`,
      cause: error,
    })
  return error
}
