import { confirm } from '../../scripts/confirm.ts'
import { AquaError } from '../../scripts/error.ts'
import type { ActStep, Io, Step } from '../../scripts/step.ts'
import type { Service } from '../services.ts'
import { begunIn, type ChangeSet, changeSetsOfSql, described } from './changesets.ts'
import { holderOf, lockedError } from './locks.ts'
import { updateSql } from './look.ts'
import { requireSchemas } from './records.ts'
import type { Session } from './session.ts'

/** The verbs that change a schema: update and rollback. */

const counted = (count: number) => `${count} change set${count === 1 ? '' : 's'}`

/** Refuse while somebody holds the lock: Liquibase would wait for it for minutes, and not say who has it. */
async function refuseLocked(session: Session, io: Io, services: readonly Service[]): Promise<void> {
  for (const { service, lock } of await requireSchemas(io, await session.database(io), services)) {
    if (!lock) continue
    throw lockedError(service, lock, await holderOf(io, session.docker, lock), session.stage)
  }
}

/**
 * Apply what is pending, one service after the other in the catalogue's order; the first failure ends it. On stage and prod
 * the SQL is shown and confirmed first, and the schemas are saved.
 */
export function updateSteps(session: Session): Step[] {
  const { ctx, stage, services, workspace } = session
  const done: { service: string; applied: ChangeSet[] }[] = []
  let wanted = services
  const look: ActStep = {
    title: 'locks',
    effect: 'read',
    act: async (io) => {
      await refuseLocked(session, io, services)
      io.result({ services: done })
    },
  }
  const each = services.map(
    (service): ActStep => ({
      title: service.name,
      effect: 'write',
      would: [session.shown(service, ['update'])],
      onInterrupt: session.onInterrupt,
      async act(io) {
        // Whose SQL was empty has nothing to run.
        const { stdout, stderr } = wanted.includes(service)
          ? await session.run(io, service, ['update', '--show-summary=off'])
          : { stdout: '', stderr: '' }
        const applied = begunIn(`${stdout}\n${stderr}`)
        done.push({ service: service.name, applied })
        io.done(`${service.name}: ${applied.length === 0 ? 'up to date' : `${counted(applied.length)} applied`}`)
        for (const one of applied) io.out.print(`applied to ${service.name}: ${described(one)}`)
      },
    }),
  )
  if (stage === 'dev') return [look, ...each]
  const preview: ActStep = {
    title: 'what would change',
    effect: 'read',
    slow: true,
    would: services.map((service) => session.shown(service, ['update-sql'])),
    onInterrupt: session.onInterrupt,
    async act(io) {
      const sql = await updateSql(session, io, services)
      wanted = services.filter(({ short }) => changeSetsOfSql(sql[short] ?? '').length > 0)
      io.result({ sql: Object.fromEntries(wanted.map(({ short }) => [short, sql[short]])) })
      for (const { short } of wanted) io.out.print(sql[short] ?? '')
    },
  }
  const ask: ActStep = {
    title: 'confirm',
    effect: 'read',
    would: ['show the SQL and ask, unless nothing is pending'],
    async act(io) {
      if (wanted.length === 0) return
      const names = wanted.map(({ short }) => short).join(', ')
      await confirm(
        'liquibase update',
        `runs the SQL above on ${stage} (${names}; change logs of ${workspace.root})`,
        ctx,
        io.out,
        io.signal,
      )
      await io.steps([session.save('nothing is migrated')])
    },
  }
  return [look, preview, ask, ...each]
}

export interface RollbackTo {
  count?: number | undefined
  tag?: string | undefined
  toDate?: string | undefined
}

function rollbackArgs({ count, tag, toDate }: RollbackTo, sql: boolean): string[] {
  const suffix = sql ? '-sql' : ''
  if (count !== undefined) return [`rollback-count${suffix}`, `--count=${count}`]
  if (tag !== undefined) return [`rollback${suffix}`, `--tag=${tag}`]
  return [`rollback-to-date${suffix}`, `--date=${toDate}`]
}

/** Undo the last change sets of one service by their own rollback statements, which usually drop what they made. */
export function rollbackSteps(session: Session, service: Service, to: RollbackTo): Step[] {
  const { ctx, stage } = session
  let planned: ChangeSet[] = []
  const preview: ActStep = {
    title: 'what would be rolled back',
    effect: 'read',
    slow: true,
    would: [session.shown(service, rollbackArgs(to, true))],
    onInterrupt: session.onInterrupt,
    async act(io) {
      await refuseLocked(session, io, [service])
      const { stdout } = await session.run(io, service, rollbackArgs(to, true))
      planned = changeSetsOfSql(stdout)
      if (to.count !== undefined && planned.length < to.count)
        throw new AquaError(
          'ROLLBACK_TOO_FAR',
          `${service.short} has ${counted(planned.length)} to roll back, not ${to.count}`,
          {
            hint: `aqua liquibase ${service.short} history`,
          },
        )
      io.result({ service: service.name, rolledBack: [], sql: stdout })
      if (planned.length > 0) io.out.print(stdout)
    },
  }
  const ask: ActStep = {
    title: 'confirm',
    effect: 'read',
    would: ['show the SQL and ask'],
    async act(io) {
      if (planned.length === 0) return
      const names = planned.map(({ id }) => id).join(', ')
      const loss = `rolls back ${counted(planned.length)} of ${service.short} on ${stage} (${names}); what they made is lost with its data`
      await confirm('liquibase rollback', loss, ctx, io.out, io.signal)
      if (stage !== 'dev') await io.steps([session.save('nothing is rolled back')])
    },
  }
  const run: ActStep = {
    title: `roll back ${service.name}`,
    effect: 'destroy',
    would: [session.shown(service, rollbackArgs(to, false))],
    onInterrupt: session.onInterrupt,
    async act(io) {
      if (planned.length === 0) return io.done(`${service.name}: nothing to roll back`)
      const { stdout, stderr } = await session.run(io, service, rollbackArgs(to, false))
      const rolledBack = begunIn(`${stdout}\n${stderr}`)
      io.result({ rolledBack })
      io.done(`${service.name}: ${counted(rolledBack.length)} rolled back`)
    },
  }
  return [preview, ask, run]
}
