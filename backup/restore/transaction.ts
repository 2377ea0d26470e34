import { AquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
import { literal, type Postgres, query } from '../postgres.ts'
import { Session } from '../session.ts'

/** `application_name` of the connections that do a restore's work; the next restore ends those of a dead one. */
export const workName = 'aqua restore: work'

/** How long to wait for a lock that somebody else holds. */
const lockTimeout = '10s'

/** Again after the settings of an archive, which lift every limit. */
export const limitLocks = `SET lock_timeout = ${literal(lockTimeout)}`

/** A connection for a restore: no time limit of the server but the one on locks, messages in English, names in full. */
export async function openWork(
  io: Pick<Io, 'stream'>,
  postgres: Pick<Postgres, 'command' | 'server'>,
  database?: string,
): Promise<Session> {
  const session = Session.open(io, postgres, database)
  const newer = postgres.server.versionNumber >= 170000 ? 'SET transaction_timeout = 0;' : ''
  await session.query(`SET application_name = ${literal(workName)}; SET client_encoding = 'UTF8'; SET lc_messages = 'C';
SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0; ${newer}
SET client_min_messages = warning; SET standard_conforming_strings = on; SET row_security = off; SET check_function_bodies = false;
SET search_path = ''; ${limitLocks}`)
  return session
}

/**
 * What a killed run left in the server: psql notices that its client has gone only when the statement at hand has ended. Only
 * for the holder of the lock, since no other restore can be alive.
 */
export const endWorkSql = `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE application_name = ${literal(workName)} AND usename = current_user AND pid <> pg_backend_pid()`

/** Who holds what a restore waited for, as an error with their names; other errors as they are. */
export async function lockError(
  io: Pick<Io, 'probe'>,
  postgres: Postgres,
  schema: string,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof AquaError) || !/lock timeout|deadlock detected/.test(error.message)) return error
  const holders = await query(
    io,
    postgres,
    `SELECT DISTINCT a.pid, coalesce(nullif(a.application_name, ''), 'no name'), a.usename, a.state,
  to_char(a.xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS') FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.granted AND l.locktype = 'relation' AND a.datname = current_database() AND a.pid <> pg_backend_pid()
  AND l.relation IN (SELECT oid FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_'))
ORDER BY 1`,
  ).catch(() => [])
  return new AquaError('LOCKED_OUT', `other connections hold tables that restoring ${schema} needs`, {
    details: holders.map(
      ([pid, name, user, state, since]) => `server process ${pid}: ${name} (${user}), ${state} since ${since} UTC`,
    ),
    hint: 'stop what is connected, then try again; nothing was changed',
    cause: error,
  })
}
