import path from 'node:path'
import { readState, writeState } from '../docker/state.ts'
import { type Loaded, plain } from '../env/load.ts'
import type { Context } from '../scripts/context.ts'
import type { Io } from '../scripts/step.ts'
import { counted } from './keep.ts'
import { exposition, type History, writeTextfile } from './metrics.ts'
import { notify, type Outcome } from './notify.ts'
import type { Pruned } from './prune.ts'
import type { Store } from './store/store.ts'

/** One store that a successful run reached. */
export interface Reached {
  kind: Store['kind']
  /** What retention decided there after the run; undefined where nothing was pruned. */
  decisions: Pruned['decisions'] | undefined
}

/** What happened last, of each environment: `.aqua/backup-dev.json`. */
export function historyOf(ctx: Pick<Context, 'stateDir'>, stage: string): Promise<History | undefined> {
  return readState<History>(ctx, `backup-${stage}`)
}

/**
 * Record how a run ended, write the metrics and tell who wants to know. Never throws: the run's own result stands, what fails
 * here is a warning.
 */
export async function reportOutcome(
  io: Pick<Io, 'out'>,
  ctx: Pick<Context, 'now' | 'root' | 'stateDir'>,
  loaded: Loaded,
  outcome: Omit<Outcome, 'recovered'> & { stores?: readonly Reached[] },
): Promise<void> {
  const { stores = [], ...rest } = outcome
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await work()
    } catch (error) {
      io.out.warn(`${what}: ${error instanceof Error ? error.message : error}`)
      return undefined
    }
  }
  const before = await attempt('the last outcome cannot be read', () => historyOf(ctx, loaded.stage))
  const history = after(before ?? { runs: {}, stores: {} }, outcome, stores, ctx.now())
  await attempt('the outcome cannot be recorded', () => writeState(ctx, `backup-${loaded.stage}`, history))
  const textfile = plain(loaded, 'BACKUP_TEXTFILE')
  if (textfile)
    await attempt('the metrics cannot be written', () =>
      writeTextfile(path.resolve(ctx.root, textfile), exposition(loaded.stage, history)),
    )
  const recovered = outcome.ok && before?.runs[outcome.task]?.ok === false
  await attempt('nobody was told', () => notify(io, ctx, loaded, { ...rest, recovered }))
}

function after(before: History, outcome: Omit<Outcome, 'recovered'>, stores: readonly Reached[], now: Date): History {
  const { task, ok, seconds, bytes = 0 } = outcome
  const at = now.toISOString()
  const runs = { ...before.runs, [task]: { ok, at, seconds } }
  const reached = ok ? stores : []
  const tiers = ({ kind, decisions }: Reached) =>
    decisions === undefined
      ? (before.stores[kind]?.tiers ?? {})
      : Object.fromEntries(
          counted.map((rule) => [
            rule,
            decisions.filter(({ keep, reason }) => keep && reason.split(',').some((one) => one.startsWith(`${rule}-`)))
              .length,
          ]),
        )
  const news = reached.map((store) => [store.kind, { at, seconds, bytes, tiers: tiers(store) }])
  return { runs, stores: { ...before.stores, ...Object.fromEntries(news) } }
}
