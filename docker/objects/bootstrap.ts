import type { Context } from '../../scripts/context.ts'
import { AquaError } from '../../scripts/error.ts'
import type { ActStep } from '../../scripts/step.ts'
import { table } from '../../scripts/table.ts'
import type { Stack } from '../engine.ts'
import { type InitRun, initArgv, lookInit, runInit } from '../oneshot.ts'

/** What the one-shot says of each thing. */
export const verdicts = ['created', 'changed', 'unchanged', 'unsupported', 'unneeded'] as const
export type Verdict = (typeof verdicts)[number]

export interface Row {
  verdict: Verdict
  what: string
}

/** Its lines, `verdict  what`. Another line is an error of ours. */
export function rowsOf(lines: readonly string[]): Row[] {
  return lines.map((line) => {
    const [, verdict, what = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? []
    const known = verdicts.find((one) => one === verdict)
    if (!known)
      throw new AquaError('INIT_OUTPUT', `minio-init said "${line}"`, { hint: 'aqua minio-bootstrap --verbose' })
    return { verdict: known, what }
  })
}

/** Buckets, their policies, and the services' keys as the catalogue and the env file have them. `timeout`: seconds. */
export async function bootstrapStep(
  ctx: Pick<Context, 'probe' | 'dryRun'>,
  stack: Stack,
  timeout: number,
): Promise<ActStep> {
  const run: InitRun = {
    name: 'minio-init',
    of: stack.env.S3_ENDPOINT ? undefined : 'minio',
    env: { BOOTSTRAP_TIMEOUT: String(timeout) },
    // It ends by itself, with a name, when the server has been away for so long; the rest is for a slow machine.
    timeoutMs: (timeout + 600) * 1000,
  }
  return {
    title: 'buckets and keys',
    effect: 'write',
    would: [initArgv(stack, run).join(' '), ...((ctx.dryRun && (await lookInit(ctx, stack, run))) || [])],
    async act(io) {
      const rows = rowsOf(await runInit(io, stack, run))
      for (const line of table(
        rows.map((row) => ({ ...row })),
        ['verdict', 'what'],
      ))
        io.out.print(line)
      const of = (verdict: Verdict) => rows.filter((row) => row.verdict === verdict).map(({ what }) => what)
      for (const what of of('unsupported')) io.out.warn(`this server lacks it: ${what}`)
      for (const what of of('unneeded')) io.out.warn(`nobody needs it any more: ${what}`)
      const counts = verdicts.map((verdict) => [verdict, of(verdict).length] as const).filter(([, count]) => count > 0)
      io.done(`buckets and keys: ${counts.map(([verdict, count]) => `${count} ${verdict}`).join(', ')}`)
      io.result(Object.fromEntries(verdicts.map((verdict) => [verdict, of(verdict)])))
    },
  }
}
