import { AquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
import type { Stage } from '../../scripts/task.ts'
import type { Service } from '../services.ts'
import { typed } from './hint.ts'
import type { Lock } from './records.ts'

export interface Holder {
  /** `unknown`: no container of this engine ever had that name. */
  state: 'at work' | 'gone' | 'unknown'
  /** For people: `aquastream-dev-backend-user-1, which is running`. */
  who: string
}

/** Docker gives a container the first half of its id as host name; ours have their own name. */
const ofContainers = /^([0-9a-f]{12}|aqua-liquibase-.*)$/

/** A lock younger than this is left to a holder that nothing is known of. */
const recentMs = 15 * 60_000

/** Who took a lock, and whether that process can still be at work: containers write their host name into it. */
export async function holderOf(io: Pick<Io, 'probe'>, docker: string, { by, since }: Lock): Promise<Holder> {
  const [host = ''] = by.split(' ')
  const format = '{{.Name}} {{.State.Running}} {{.State.StartedAt}}'
  // Whoever may write to the table chose that name: it is no option.
  const argv = [docker, 'inspect', '--type', 'container', '--format', format, '--', host]
  const found = host === '' ? undefined : await io.probe(argv)
  if (found?.code !== 0)
    return ofContainers.test(host)
      ? { state: 'gone', who: `${by}, a container that is gone` }
      : { state: 'unknown', who: by }
  const [name = '', running, startedAt = ''] = found.stdout.trim().replace(/^\//, '').split(' ')
  if (running !== 'true') return { state: 'gone', who: `${name}, which has ended` }
  // The container may have been restarted since: then the process that took the lock is gone. A second for the clocks.
  const restarted = Date.parse(startedAt) > lockedAt(since) + 1000
  return restarted
    ? { state: 'gone', who: `${name}, which was restarted since` }
    : { state: 'at work', who: `${name}, which is running` }
}

/** Whether taking the lock away could let two migrations run at once. */
export function mayBeAtWork(holder: Holder, lock: Lock, now: Date): boolean {
  if (holder.state !== 'unknown') return holder.state === 'at work'
  const age = now.getTime() - lockedAt(lock.since)
  return !(age > recentMs)
}

function lockedAt(since: string): number {
  return Date.parse(`${since.replace(' ', 'T')}Z`)
}

/** Why a migration cannot start, with the command that frees the lock where that is safe. */
export function lockedError(service: Service, lock: Lock, holder: Holder, stage: Stage): AquaError {
  const unlock = typed(service, 'unlock', stage)
  const hints: Record<Holder['state'], string> = {
    gone: unlock,
    'at work': `wait until it is done: ${typed(service, 'status', stage)}`,
    unknown: `if nothing migrates from there any more: ${unlock}`,
  }
  return new AquaError(
    'CHANGELOG_LOCKED',
    `the change log of ${service.short} is locked since ${lock.since} UTC by ${holder.who}`,
    { hint: hints[holder.state] },
  )
}
