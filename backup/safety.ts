import fs from 'node:fs/promises'
import type { Stack } from '../docker/engine.ts'
import type { Loaded } from '../env/load.ts'
import type { Context } from '../scripts/context.ts'
import { AquaError, hasCode, isAquaError } from '../scripts/error.ts'
import type { ActStep, Io } from '../scripts/step.ts'
import { bytes } from '../scripts/table.ts'
import { readRecipients, recipientsFile } from './age/recipients.ts'
import { bucketSources } from './job.ts'
import { connect } from './postgres.ts'
import { chooseSchemas } from './schemas.ts'
import { openStore } from './store/open.ts'
import { takeSet, type Wanted } from './take.ts'

/** Another backup that is at work is waited for: the dangerous thing can wait too. */
const waitSeconds = 60

/**
 * A whole set before something dangerous, in the local store: every schema that holds tables, whoever owns it, encrypted where
 * there are recipients. `why` completes "taken before …"; `buckets` adds the objects, for what deletes them as well. Prunes
 * nothing. Throws when there is no whole set in the end, so that the dangerous thing does not happen; an AquaError with code
 * NOTHING_TO_BACK_UP says that there is nothing to lose.
 */
async function safetySet(
  io: Io,
  ctx: Pick<Context, 'root' | 'env' | 'now'>,
  stack: Stack,
  loaded: Loaded,
  why: string,
  options: { buckets?: boolean } = {},
): Promise<{ id: string; where: string }> {
  const recipients = await recipientsIfAny(recipientsFile(ctx, loaded))
  const store = await openStore('local', loaded, ctx)
  const postgres = await connect({ env: ctx.env, probe: io.probe }, stack)
  const buckets: Wanted['buckets'] = options.buckets ? await bucketSources(io, stack, loaded) : new Map()
  const { schemas } = await chooseSchemas(io, postgres, [], { everything: true, orNone: buckets.size > 0 })
  const { manifest } = await takeSet(io, ctx, postgres, {
    stage: loaded.stage,
    schemas,
    buckets,
    packing: { compression: 'gzip', recipients },
    stores: [store],
    label: undefined,
    safety: why,
    waitSeconds,
  })
  const size = manifest.files.reduce((sum, { stored }) => sum + stored.bytes, 0)
  io.done(`safety set ${manifest.id}: ${bytes(size)} in ${store.where}`)
  return { id: manifest.id, where: store.where }
}

/** Without recipients a safety set is plain; with recipients that cannot be used, it is refused. */
async function recipientsIfAny(file: string): Promise<string[]> {
  const text = await fs.readFile(file, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return ''
    throw error
  })
  return /^\s*[^#\s]/m.test(text) ? readRecipients(file) : []
}

export interface SafetyOptions {
  /** Completes "taken …": `before restore user`. */
  why: string
  /** The objects too, for what deletes them as well. */
  buckets: boolean
  /** What does not happen when there is no set: `nothing is restored`. */
  otherwise: string
  /** How to go on without one: `--no-safety restores without one`; undefined where that cannot be had. */
  without: string | undefined
}

/** The step before something dangerous: a whole set, or a refusal. An empty database needs none. */
export function safetyStep(ctx: Context, stack: Stack, loaded: Loaded, options: SafetyOptions): ActStep {
  return {
    title: 'safety set',
    effect: 'write',
    would: [`back up all schemas${options.buckets ? ' and buckets' : ''} of ${stack.project} to the local store`],
    async act(io) {
      try {
        const { id, where } = await safetySet(io, ctx, stack, loaded, options.why, { buckets: options.buckets })
        io.result({ safety: { set: id, where } })
      } catch (error) {
        if (isAquaError(error) && error.code === 'NOTHING_TO_BACK_UP')
          return io.done('no safety set: the database holds nothing')
        if (!isAquaError(error) || io.signal.aborted) throw error
        const hint = [error.hint, options.without].filter((part) => part !== undefined).join('; ')
        throw new AquaError('NO_SAFETY_SET', `no safety set, so ${options.otherwise}: ${error.message}`, {
          exit: 'refused',
          details: error.details,
          ...(hint ? { hint } : {}),
          cause: error,
        })
      }
    },
  }
}
