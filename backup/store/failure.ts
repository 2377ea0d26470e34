import { AquaError, hasCode, isAquaError } from '../../scripts/error.ts'

/** What a failed operation on a folder means to people. */
export function localFailure(error: unknown, doing: string, folder: string): Error {
  if (isAquaError(error) || !(error instanceof Error)) return error as Error
  const say = (code: string, message: string, hint: string) =>
    new AquaError(code, message, { exit: 'missing', hint, cause: error })
  if (hasCode(error, 'ENOSPC', 'EDQUOT'))
    return say(
      'STORE_FULL',
      `no space left in ${folder} while ${doing}`,
      `df -h ${folder}; aqua backup prune makes room`,
    )
  if (hasCode(error, 'EACCES', 'EPERM', 'EROFS'))
    return say('STORE_DENIED', `${doing} in ${folder} is not allowed (${error.code})`, `ls -ld ${folder}`)
  if (hasCode(error, 'ENOENT', 'ENOTDIR'))
    return say('STORE_MISSING', `${doing}: nothing there in ${folder} (${error.code})`, `ls -l ${folder}`)
  return new AquaError('STORE_FAILED', `${doing} in ${folder} failed: ${error.message}`, { cause: error })
}

/** Refuses what could leave the environment's folder, or hide in it. */
export function checkName(name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (name !== '' && !name.startsWith('.') && !/[/\\\x00-\x1f\x7f]/.test(name) && Buffer.byteLength(name) <= 200) return
  throw new AquaError('OBJECT_NAME', `${JSON.stringify(name)} cannot name an object of a store`, {
    exit: 'usage',
    hint: 'a name has no slash, does not begin with a dot, and has at most 200 bytes',
  })
}

/** Nothing is ever overwritten by an upload: what is there may be somebody's only copy. */
export function alreadyThere(name: string, where: string): AquaError {
  return new AquaError('OBJECT_EXISTS', `${name} is already in ${where}`, { exit: 'refused' })
}
