import { AquaError, isAquaError } from '../../scripts/error.ts'
import type { ActStep, Io } from '../../scripts/step.ts'
import { table } from '../../scripts/table.ts'
import type { Service } from '../services.ts'
import { type ChangeSet, described, pendingIn } from './changesets.ts'
import { holderOf } from './locks.ts'
import { type Records, requireSchemas } from './records.ts'
import type { Session } from './session.ts'

/** The verbs that change nothing: sql, status, validate, history. */

const status = ['status', '--verbose']

/** Ask Liquibase; where nothing was ever recorded, without the database, in which it would make its tables. */
async function pendingOf(session: Session, io: Io, { service, recorded }: Records): Promise<ChangeSet[]> {
  const { stdout } = await session.run(io, service, status, { offline: !recorded })
  return pendingIn(stdout)
}

export function statusStep(session: Session): ActStep {
  return {
    title: 'status',
    effect: 'read',
    slow: true,
    would: session.services.map((service) => session.shown(service, status)),
    onInterrupt: session.onInterrupt,
    async act(io) {
      const all = await requireSchemas(io, await session.database(io), session.services)
      const rows: { service: string; applied: number; pending: ChangeSet[] | null; lock: string | null }[] = []
      const asked = await each(
        all,
        ({ service }) => service,
        (records) => pendingOf(session, io, records),
      )
      for (const [i, { service, applied, lock }] of all.entries()) {
        const holder = lock && (await holderOf(io, session.docker, lock))
        rows.push({
          service: service.name,
          applied: applied.length,
          pending: asked.found[i] ?? null,
          lock: lock && holder ? `since ${lock.since} UTC by ${holder.who}` : null,
        })
      }
      io.result({ services: rows })
      const shown = rows.map(({ service, applied, pending, lock }) => ({
        service,
        applied: String(applied),
        pending: pending ? String(pending.length) : 'not known',
        lock: lock ?? 'free',
      }))
      for (const line of table(shown)) io.out.print(line)
      for (const row of rows)
        for (const one of row.pending ?? []) io.out.print(`pending for ${row.service}: ${described(one)}`)
      asked.throwFirst()
    },
  }
}

export function sqlStep(session: Session): ActStep {
  return {
    title: 'sql',
    effect: 'read',
    slow: true,
    would: session.services.map((service) => session.shown(service, ['update-sql'])),
    onInterrupt: session.onInterrupt,
    async act(io) {
      const sql = await updateSql(session, io, session.services)
      io.result({ sql })
      // Only when whole: half of it must not reach a psql at the other end of a pipe.
      for (const text of Object.values(sql)) io.out.raw(text)
    },
  }
}

/** What `update` would run, by service. Nothing is locked or written for it. */
export async function updateSql(
  session: Session,
  io: Io,
  services: readonly Service[],
): Promise<Record<string, string>> {
  await requireSchemas(io, await session.database(io), services)
  const sql: Record<string, string> = {}
  for (const service of services) {
    io.progress(service.name)
    sql[service.short] = (await session.run(io, service, ['update-sql'])).stdout
  }
  return sql
}

export function validateStep(session: Session): ActStep {
  return {
    title: 'validate',
    effect: 'read',
    slow: true,
    would: session.services.map((service) => session.shown(service, ['validate'])),
    onInterrupt: session.onInterrupt,
    async act(io) {
      const all = await requireSchemas(io, await session.database(io), session.services)
      const valid = await each(
        all,
        ({ service }) => service,
        async ({ service, recorded }) => {
          await session.run(io, service, ['validate'], { offline: !recorded })
          return service.name
        },
      )
      const names = valid.found.filter((name) => name !== undefined)
      io.result({ valid: names, invalid: valid.errors.map(({ service }) => service.name) })
      for (const name of names) io.out.print(`${name}: valid`)
      const invalid = valid.errors.filter(({ error }) => error.code === 'CHANGELOG_INVALID')
      if (invalid.length === valid.errors.length && invalid[0])
        throw new AquaError('CHANGELOG_INVALID', invalid.map(({ error }) => error.message).join('; '), {
          details: invalid.flatMap(({ error }) => error.details),
          ...(invalid[0].error.hint ? { hint: invalid[0].error.hint } : {}),
          exit: 'problems',
        })
      valid.throwFirst()
    },
  }
}

export function historyStep(session: Session): ActStep {
  return {
    title: 'history',
    effect: 'read',
    would: [`read ${session.services.map(({ schema }) => `${schema}.databasechangelog`).join(', ')}`],
    async act(io) {
      const all = await requireSchemas(io, await session.database(io), session.services)
      io.result({ services: all.map(({ service, applied }) => ({ service: service.name, applied })) })
      const rows = all.flatMap(({ service, applied }) =>
        applied.map(({ at, id, author, file, result, tag }) => ({
          service: service.short,
          'at (utc)': at,
          id,
          author,
          file,
          result: result.toLowerCase(),
          tag: tag ?? '',
        })),
      )
      if (rows.length === 0) io.out.note('no migration is recorded')
      else for (const line of table(rows)) io.out.print(line)
    },
  }
}

/** Do the same for each, and go on when one fails, so that the answer is about all of them. */
async function each<T, R>(all: readonly T[], of: (one: T) => Service, ask: (one: T) => Promise<R>) {
  const found: (R | undefined)[] = []
  const errors: { service: Service; error: AquaError }[] = []
  for (const one of all) {
    try {
      found.push(await ask(one))
    } catch (error) {
      if (!isAquaError(error) || error.exitCode >= 130) throw error
      errors.push({ service: of(one), error })
      found.push(undefined)
    }
  }
  const throwFirst = () => {
    if (errors[0]) throw errors[0].error
  }
  return { found, errors, throwFirst }
}
