import os from 'node:os'
import { AquaError } from '../scripts/error.ts'
import type { Io } from '../scripts/step.ts'
import { literal } from './postgres.ts'
import type { Session } from './session.ts'

/**
 * The advisory lock that a backup holds in its database, as the two numbers of `pg_advisory_lock(int, int)`: `aqua` in ASCII,
 * and 1 for backup. One per database, whatever the stage or the host, so that two hosts exclude each other.
 */
export const lockKey = { classId: 0x61717561, objectId: 1 } as const

/** `application_name` of a backup's dumps: the next run ends those of a dead one. */
export function dumpName(set: string): string {
  return `${dumpPrefix} ${set}`
}

const dumpPrefix = 'aqua backup: pg_dump'

/** A server keeps 63 bytes of it. */
function holderName(): string {
  return `aqua backup on ${os.hostname()} (pid ${process.pid})`.slice(0, 63)
}

/**
 * For the connection that holds lock and snapshot. It idles in its transaction while the dumps run, so no time limit of the
 * server may end it. Rows are counted beside the dumps, on one processor. Where it goes over a network, keepalives let the server
 * notice a vanished host within a minute.
 */
function settings(): string {
  return `SET application_name = ${literal(holderName())};
SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0;
SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 60000;
SET row_security = off; SET max_parallel_workers_per_gather = 0; SET jit = off;`
}

const holderSql = `SELECT a.application_name, coalesce(host(a.client_addr), 'local socket'), a.pid,
  to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.classid = ${lockKey.classId} AND l.objid = ${lockKey.objectId}
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`

const retryMs = 1000

/** Always waited for: the connection of a run that was killed lives until its last question, a count of rows, is answered. */
const graceSeconds = 3

/**
 * Take the backup lock on `session`, which holds it until it closes. Waits up to `waitSeconds` for another holder, then refuses
 * with its name. Then ends the dumps that a killed run has left in the server: nobody reads them any more. Gives the number of the
 * server process that holds the lock.
 */
export async function takeBackupLock(
  io: Pick<Io, 'sleep' | 'progress'>,
  session: Session,
  waitSeconds: number,
): Promise<string> {
  await session.query(settings())
  const key = `${lockKey.classId}, ${lockKey.objectId}`
  for (let left = Math.max(waitSeconds, graceSeconds); ; left -= retryMs / 1000) {
    const [[taken] = []] = await session.query(`SELECT pg_try_advisory_lock(${key})`)
    if (taken === 't') break
    const [holder] = await session.query(holderSql)
    // None: let go between the two questions.
    if (!holder && left > -5) continue
    if (left <= 0) throw running(holder ?? [])
    io.progress(`waiting for ${holder?.[0] ?? 'another backup'}`)
    await io.sleep(Math.min(retryMs, left * 1000))
  }
  await session.query(endDumpsSql())
  const [[backend = ''] = []] = await session.query('SELECT pg_backend_pid()')
  return backend
}

function running([name = '', address = '', pid = '', since = '']: string[]): AquaError {
  return new AquaError('BACKUP_RUNNING', `${name || 'another client'} holds the backup lock since ${since} UTC`, {
    details: [`connected from ${address}, server process ${pid}`],
    hint: 'wait for it: --wait <seconds>',
  })
}

/** Ends the dumps of one set or, for the holder of the lock, of all: none but its own can be alive. */
export function endDumpsSql(set?: string): string {
  const name = set === undefined ? `LIKE ${literal(`${dumpPrefix} %`)}` : `= ${literal(dumpName(set))}`
  return `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name ${name} AND datname = current_database() AND usename = current_user`
}
