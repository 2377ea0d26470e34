import type { Io } from '../../scripts/step.ts'
import { bytes } from '../../scripts/table.ts'
import { literal, type Postgres, query } from '../postgres.ts'

/** Free bytes where the server keeps its data; undefined when it may not be asked (no superuser, no `df`). */
async function freeBytes(io: Pick<Io, 'probe'>, postgres: Postgres): Promise<number | undefined> {
  const sql = `CREATE TEMP TABLE aqua_df (line text);
COPY aqua_df FROM PROGRAM 'df -Pk .';
SELECT line FROM aqua_df OFFSET 1`
  const answer = await query(io, postgres, sql).catch(() => [])
  const [, , , kibibytes] = answer[0]?.[0]?.split(/\s+/) ?? []
  return kibibytes === undefined || Number.isNaN(Number(kibibytes)) ? undefined : Number(kibibytes) * 1024
}

/**
 * Warn when a second database may not fit beside the live one. Needed is taken to be the larger of the live database's size and
 * the dumps' own, since indexes are not in a dump and bloat is not in a restored database.
 */
export async function warnOfSpace(io: Io, postgres: Postgres, plainBytes: number): Promise<void> {
  const [[size = '0'] = []] = await query(io, postgres, `SELECT pg_database_size(${literal(postgres.database)})`)
  const needed = Math.max(Number(size), plainBytes)
  const free = await freeBytes(io, postgres)
  if (free !== undefined && free < needed)
    io.out.warn(
      `the new database needs about ${bytes(needed)}, and ${bytes(free)} are free where the server keeps its data`,
    )
}
