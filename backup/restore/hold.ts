import os from 'node:os'
import type { Io } from '../../scripts/step.ts'
import { takeBackupLock } from '../lock.ts'
import { literal, type Postgres, query } from '../postgres.ts'
import { Session } from '../session.ts'
import { dropDatabase, maintenanceDatabase, unfinishedSql } from './database.ts'
import { endWorkSql, openWork } from './transaction.ts'

/** Seconds to wait for a backup that is at work. */
const waitSeconds = 60

export interface Hold {
  /** A database to connect to while the live one is renamed. */
  maintenance: string
  /** Let go early: a swap ends every connection to the live database, this one too. */
  release(): Promise<void>
}

/**
 * Work alone: no backup and no other restore of this database, from whatever host. What a killed restore has left behind is
 * cleared away first: its connections, and databases that it had not finished.
 */
export async function alone<T>(io: Io, postgres: Postgres, work: (hold: Hold) => Promise<T>): Promise<T> {
  const session = Session.open(io, postgres)
  try {
    await takeBackupLock(io, session, waitSeconds)
    await session.query(
      `SET application_name = ${literal(`aqua restore on ${os.hostname()} (pid ${process.pid})`.slice(0, 63))}`,
    )
    await session.query(endWorkSql)
    const maintenance = await maintenanceDatabase(session, postgres.database)
    const left = (await session.query(unfinishedSql(postgres.database))).flat()
    for (const name of left) {
      io.progress(`dropping ${name}, which an earlier restore left unfinished`)
      await clear(io, postgres, maintenance, name)
    }
    return await work({ maintenance, release: () => session.close() })
  } finally {
    await session.close()
  }
}

/** Drop a database that is not finished. */
export async function clear(io: Io, postgres: Postgres, maintenance: string, name: string): Promise<void> {
  const session = await openWork(io, postgres, maintenance)
  try {
    await dropDatabase(session, name)
  } finally {
    await session.close()
  }
}

/** After Ctrl-C: psql in a container outlives its client until its statement ends, with all its locks. */
export async function endWork(io: Io, postgres: Postgres): Promise<void> {
  await query(io, postgres, endWorkSql)
}
