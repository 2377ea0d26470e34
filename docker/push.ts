import { AquaError } from '../scripts/error.ts'
import type { CommandResult, Io } from '../scripts/step.ts'
import { bakeError } from './bake.ts'

/** `ghcr.io` of `ghcr.io/owner/backend-user:sha-1a2b3c4`; undefined for a name that means Docker Hub or this engine. */
export function registryOf(name: string): string | undefined {
  const [host = '', ...rest] = name.split('/')
  return rest.length > 0 && (/[.:]/.test(host) || host === 'localhost') ? host : undefined
}

/** What a registry answered that may be over in a moment: no route, a reset, too many requests, an error of its own. */
export function passing(result: CommandResult): boolean {
  return /timeout|timed out|connection (refused|reset)|EOF|i\/o|TLS handshake|no such host|temporary failure|too ?many ?requests|rate limit|received unexpected HTTP status: 5\d\d|\b50[0234]\b/i.test(
    result.stderr,
  )
}

export interface PushOptions {
  docker: string
  /** How often at most, the first time included. */
  attempts: number
  /** Milliseconds before the second attempt; doubled before each further one. */
  pauseMs: number
}

/**
 * Push one image and return its digest. A registry that is out of reach or busy is asked again; one that refuses is not.
 */
export async function push(io: Io, name: string, options: PushOptions): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    io.progress(attempt === 1 ? name : `${name}, attempt ${attempt} of ${options.attempts}`)
    const result = await io.probe([options.docker, 'push', name])
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(result.stdout)?.[1]
    if (result.code === 0 && digest) return digest
    if (attempt >= options.attempts || !passing(result)) throw pushError(name, result, attempt)
    await io.sleep(options.pauseMs * 2 ** (attempt - 1))
  }
}

/** The image was never built here; undefined for other failures. */
export function imageMissing(name: string, result: CommandResult): AquaError | undefined {
  if (!/(does not exist locally|tag does not exist|No such image)/i.test(result.stderr)) return undefined
  return new AquaError('IMAGE_MISSING', `${name} is not on this engine`, {
    exit: 'missing',
    hint: 'aqua build-images makes it',
  })
}

function pushError(name: string, result: CommandResult, attempts: number): AquaError {
  const said = result.stderr.trim().split('\n').at(-1) ?? ''
  const missing = imageMissing(name, result)
  if (missing) return missing
  const refused = bakeError(result)
  if (refused) return refused
  return new AquaError(
    'PUSH_FAILED',
    `${name} was not pushed after ${attempts === 1 ? 'one attempt' : `${attempts} attempts`}: ${said}`,
    {
      exit: passing(result) ? 'missing' : 'failed',
      hint: 'what was pushed before stays; run it again',
    },
  )
}
