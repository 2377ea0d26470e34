import { createInterface } from 'node:readline/promises'
import type { Context } from './context.ts'
import { AquaError } from './error.ts'
import type { Output } from './output.ts'

/**
 * Ask before something is lost or changed for good. `loss` goes on from the task's name: "deletes all data of x". With
 * `--yes` it is only said; where nobody can be asked it is refused with exit 6. In a step that shows no line of its own.
 */
export async function confirm(
  name: string,
  loss: string | undefined,
  ctx: Pick<Context, 'yes' | 'interactive'>,
  out: Output,
  signal: AbortSignal,
): Promise<void> {
  if (loss === undefined) return
  if (ctx.yes) {
    out.note(`--yes: ${loss}`)
    return
  }
  if (!ctx.interactive)
    throw new AquaError('NOT_CONFIRMED', `${name} ${loss}, and nobody can be asked here`, {
      exit: 'refused',
      hint: 'add --yes if that is meant',
    })
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  // While readline reads, Ctrl-C arrives as a key press, not as a signal.
  reader.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  try {
    const answer = await reader.question(`${name} ${loss}. Type yes to go on: `, { signal })
    if (answer.trim().toLowerCase() !== 'yes')
      throw new AquaError('NOT_CONFIRMED', 'nothing was done', { exit: 'refused' })
  } finally {
    reader.close()
  }
}
