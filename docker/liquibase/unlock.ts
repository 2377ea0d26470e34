import { AquaError } from '../../scripts/error.ts'
import type { ActStep } from '../../scripts/step.ts'
import { type Holder, holderOf, mayBeAtWork } from './locks.ts'
import { type Lock, releaseLock, requireSchemas } from './records.ts'
import type { Session } from './session.ts'

/** Take away the locks of dead migrations. One whose holder may be alive stays, unless forced, and then none is touched. */
export function unlockStep(session: Session, force: boolean): ActStep {
  const { services, docker, ctx } = session
  return {
    title: 'unlock',
    effect: 'write',
    would: services.map(({ schema }) => `update "${schema}".databasechangeloglock set locked = false`),
    async act(io) {
      const database = await session.database(io)
      const held: { short: string; lock: Lock; holder: Holder; free(): Promise<boolean> }[] = []
      for (const { service, lock } of await requireSchemas(io, database, services))
        if (lock)
          held.push({
            short: service.short,
            lock,
            holder: await holderOf(io, docker, lock),
            free: () => releaseLock(io, database, service, lock.by),
          })
      const alive = held.filter(({ holder, lock }) => mayBeAtWork(holder, lock, ctx.now()))
      if (alive.length > 0 && !force)
        throw new AquaError(
          'MIGRATION_RUNNING',
          `${alive.map(({ short }) => short).join(', ')} may be migrating right now`,
          {
            exit: 'refused',
            details: alive.map(
              ({ short, lock, holder }) => `${short}: locked since ${lock.since} UTC by ${holder.who}`,
            ),
            hint: 'wait, or add --force if that holder is known to be dead: two migrations at once can spoil a schema',
          },
        )
      const released: { service: string; by: string; since: string }[] = []
      for (const { short, lock, holder, free } of held)
        if (await free()) {
          released.push({ service: short, ...lock })
          io.out.print(`${short}: released, was held since ${lock.since} UTC by ${holder.who}`)
        }
      io.result({ released })
      io.done(released.length > 0 ? `unlocked ${released.map(({ service }) => service).join(', ')}` : 'no lock is held')
    },
  }
}
