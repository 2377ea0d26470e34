import fs from 'node:fs/promises'
import path from 'node:path'
import type { Context } from '../../scripts/context.ts'
import { AquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
import { next, parseCron } from './cron.ts'
import { blockOf, readCrontab, withBlock, withoutBlock, writeCrontab } from './crontab.ts'
import type { Job } from './job.ts'
import { installUnits, removeUnits, type Scope, scopeOf, shownUnits, unitFiles } from './systemd.ts'

export type Scheduler = { by: 'systemd'; scope: Scope } | { by: 'crontab' }

/** systemd where it runs, else cron; `asked` decides for one of them. */
export async function schedulerOf(
  ctx: Pick<Context, 'env' | 'probe' | 'platform'>,
  asked: Scheduler['by'] | undefined,
): Promise<Scheduler> {
  const scope = asked === 'crontab' ? undefined : await scopeOf(ctx)
  if (scope) return { by: 'systemd', scope }
  if (asked !== 'systemd' && (await readCrontab(ctx)) !== undefined) return { by: 'crontab' }
  throw new AquaError(
    'NO_SCHEDULER',
    `${asked ?? 'neither systemd nor cron'} ${asked ? 'does not run' : 'runs'} here`,
    {
      exit: 'missing',
      hint: 'install cron, or let a container do it: aqua schedule install --container',
    },
  )
}

/** What an installation writes, for `--dry-run`. */
export function installs(job: Job, scheduler: Scheduler): string[] {
  if (scheduler.by === 'crontab') return withBlock('', job).trimEnd().split('\n')
  const files = [...unitFiles(job, scheduler.scope)]
  return files.flatMap(([name, text]) => [
    `write ${path.join(scheduler.scope.folder, name)}`,
    ...text
      .trimEnd()
      .split('\n')
      .map((line) => `  ${line}`),
  ])
}

/** Put the job in, in place of an earlier one, also of one with the other scheduler. */
export async function install(
  io: Io,
  ctx: Pick<Context, 'env' | 'probe' | 'platform'>,
  job: Job,
  by: Scheduler,
): Promise<void> {
  await fs.mkdir(path.dirname(job.log), { recursive: true })
  if (by.by === 'systemd') {
    await installUnits(io, job, by.scope)
    await removeFromCrontab(io, job.name)
    return
  }
  const before = await readCrontab(io)
  await writeCrontab(io, withBlock(before ?? '', job))
  const scope = await scopeOf(ctx)
  if (scope) await removeUnits(io, job.name, scope)
}

/** Remove what `install` put there; the places it was in. */
export async function remove(
  io: Io,
  ctx: Pick<Context, 'env' | 'probe' | 'platform'>,
  name: string,
): Promise<string[]> {
  const scope = await scopeOf(ctx)
  const places: string[] = []
  if (scope && (await removeUnits(io, name, scope))) places.push(scope.folder)
  if (await removeFromCrontab(io, name)) places.push('the crontab')
  return places
}

async function removeFromCrontab(io: Io, name: string): Promise<boolean> {
  const before = (await readCrontab(io)) ?? ''
  const after = withoutBlock(before, name)
  if (after === before) return false
  await writeCrontab(io, after)
  return true
}

/** The installed job, or undefined. Moments as the scheduler gives them. */
export async function installed(
  io: Pick<Io, 'probe'>,
  ctx: Pick<Context, 'env' | 'probe' | 'platform' | 'now'>,
  name: string,
): Promise<{ where: string; next: string; last?: string; log: string } | undefined> {
  const scope = await scopeOf(ctx)
  const units = scope && (await shownUnits(io, name, scope))
  if (units) return { ...units, log: `journalctl ${scope.user ? '--user ' : ''}-u ${name}.service` }
  const line = blockOf((await readCrontab(io)) ?? '', name)
  if (line === undefined) return undefined
  const fields = line.split(' ').slice(0, 5).join(' ')
  const at = next(parseCron(fields), ctx.now(), 'local')
  return { where: 'the crontab', next: at?.toString() ?? 'never', log: line.replace(/^.* >>(.*) 2>&1$/, '$1') }
}
