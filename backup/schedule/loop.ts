import path from 'node:path'
import type { Context } from '../../scripts/context.ts'
import type { Io } from '../../scripts/step.ts'
import type { Stage } from '../../scripts/task.ts'
import { type Cron, next } from './cron.ts'

/** Short enough that a clock that was set, or a machine that slept, is noticed soon. */
const longestSleepMs = 60_000

/**
 * Run `aqua backup` at every moment of the expression, in UTC, until this process is told to end. Each run is a process of its
 * own, so that memory is given back. A moment that passes during a run or a sleep of the machine is not made up for.
 */
export async function loop(
  io: Io,
  ctx: Pick<Context, 'root' | 'now'>,
  stage: Stage,
  cron: Cron,
  options: readonly string[],
): Promise<never> {
  const bin = path.join(ctx.root, 'scripts', 'aqua.cjs')
  for (;;) {
    const due = next(cron, ctx.now(), 'utc') as Date
    io.out.print(`next backup of ${stage}: ${due.toISOString()}`)
    for (let left = 1; left > 0; left = due.getTime() - ctx.now().getTime())
      await io.sleep(Math.min(Math.max(0, due.getTime() - ctx.now().getTime()), longestSleepMs))
    // A restored container or a suspended machine: the moment is long gone, the next one is due.
    if (ctx.now().getTime() - due.getTime() > longestSleepMs) continue
    const { code } = await io.lines([process.execPath, bin, 'backup', '--stage', stage, ...options], {
      onLine: (line) => io.out.print(line),
    })
    if (io.signal.aborted) throw io.signal.reason
    io.out.print(code === 0 ? 'the backup succeeded' : `the backup failed with exit code ${code}`)
  }
}
