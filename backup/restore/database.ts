import { AquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
import type { Manifest } from '../manifest.ts'
import { identifier, literal, type Postgres } from '../postgres.ts'
import type { Session } from '../session.ts'
import type { Archive } from './archive.ts'
import { type Count, countRows } from './counts.ts'
import type { Entry } from './entries.ts'
import { orphanError } from './orphans.ts'
import { describe, type Leftover, leftoverError, mayWait, orphaned, runEntries } from './pool.ts'
import type { Rest } from './rest.ts'
import type { Definitions } from './schema.ts'
import { copyData } from './sections.ts'
import { limitLocks, openWork } from './transaction.ts'

/** Comment of a database that is being filled: what a killed run leaves is known by it. */
export function unfinishedComment(live: string): string {
  return `aqua: unfinished restore of ${live}`
}

/** Databases that killed runs left half-filled. By name as well: one may have died before the comment. */
export const unfinishedSql = (live: string) => `SELECT datname FROM pg_database
WHERE shobj_description(oid, 'pg_database') = ${literal(unfinishedComment(live))}
  OR starts_with(datname, ${literal(freshPrefix(live))})
    AND substr(datname, length(${literal(freshPrefix(live))}) + 1) ~ '^[0-9]{8}t[0-9]{6}z$'`

/** A name has 63 bytes at most; those that `env check` lets pass are ASCII. */
const room = 63 - '_restore_20261123t200512z'.length

const freshPrefix = (live: string) => `${live.slice(0, room)}_restore_`
export const oldPrefix = (live: string) => `${live.slice(0, room)}_old_`

/** Of the database that is being filled, at a set id's moment. */
export function freshName(live: string, at: string): string {
  return `${freshPrefix(live)}${at.toLowerCase()}`
}

/** Of the database that a swap puts aside. */
export function oldName(live: string, at: string): string {
  return `${oldPrefix(live)}${at.toLowerCase()}`
}

/** A database to connect to while others are made, renamed and dropped. */
export async function maintenanceDatabase(session: Session, live: string): Promise<string> {
  const rows = await session.query(`SELECT datname FROM pg_database WHERE datallowconn AND datname <> ${literal(live)}
  AND datname IN ('postgres', 'template1') ORDER BY datname = 'postgres' DESC LIMIT 1`)
  return rows[0]?.[0] ?? 'template1'
}

/** CREATE DATABASE with everything that cannot be changed later: encoding, locale, provider; and owner, tablespace, limit. */
const createSql = (live: string, name: string) => `SELECT format(
  'CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', ${literal(name)},
    pg_encoding_to_char(d.encoding), d.datcollate, d.datctype) ||
  CASE j ->> 'datlocprovider' WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(j ->> 'datlocale', j ->> 'daticulocale'))
    WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', j ->> 'datlocale') ELSE '' END ||
  CASE WHEN j ->> 'daticurules' IS NULL THEN '' ELSE format(' ICU_RULES %L', j ->> 'daticurules') END ||
  format(' OWNER %I TABLESPACE %I CONNECTION LIMIT %s', pg_get_userbyid(d.datdba), t.spcname, d.datconnlimit)
FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace, to_jsonb(d) j WHERE d.datname = ${literal(live)}`

/** An empty database like `live`, marked as unfinished. A name that is taken is the server's error. */
export async function createDatabase(session: Session, live: string, name: string): Promise<void> {
  const [[sql = ''] = []] = await session.query(createSql(live, name))
  await session.query(sql)
  await session.query(`COMMENT ON DATABASE ${identifier(name)} IS ${literal(unfinishedComment(live))}`)
}

export async function dropDatabase(session: Session, name: string): Promise<void> {
  await session.query(`DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE)`)
}

export interface Part {
  archive: Archive
  definitions: Definitions
}

export interface Filling {
  parts: readonly Part[]
  extensions: Manifest['extensions']
  /** What the live database has besides the parts' schemas, to be carried over. */
  rest?: Rest
  /** What refers to schemas that are not there is left out, instead of being an error. */
  lenient: boolean
}

/** Missing table, schema, type or function. */
const missing = new Set(['42P01', '3F000', '42704', '42883'])

/**
 * Fill an empty database: definitions of all schemas, then data, then what proves and serves the data. Nothing in here is seen by
 * anybody until it is done. Returns what was left out (only when lenient) and the number of rows, where manifests counted.
 */
export async function fillDatabase(
  io: Io,
  postgres: Postgres,
  database: string,
  filling: Filling,
  onBytes: (count: number) => void,
): Promise<{ left: Leftover[]; counts: Count[] }> {
  const { parts, rest } = filling
  const session = await openWork(io, postgres, database)
  try {
    io.progress('tables, types and functions')
    const before = [
      ...filling.extensions.map(extensionEntry),
      ...(rest?.before.entries ?? []),
      ...parts.flatMap(({ definitions }) => definitions.before.entries),
    ]
    const header = { name: '', type: 'SET', schema: '-', sql: parts[0]?.definitions.before.header ?? '' }
    const waiting = await runEntries(session, [header, ...before])
    if (!waiting.every(mayWait))
      throw filling.lenient && waiting.some(({ sqlstate }) => missing.has(sqlstate))
        ? needsOthers(waiting)
        : leftoverError(waiting)
    for (const { archive } of parts) await copyData(io, postgres, archive, session, onBytes)
    await rest?.copy(session)
    await session.query(limitLocks)
    io.progress('indexes, keys and privileges')
    const after = [
      ...waiting,
      ...parts.flatMap(({ definitions }) => definitions.after.entries),
      // Last: its event triggers would listen to all the others.
      ...(rest?.after.entries ?? []),
    ]
    const left = await runEntries(session, after)
    const orphans = orphaned(left)
    if (orphans.length > 0) throw await orphanError(session, orphans, 'this set')
    if (left.some(({ sqlstate }) => !filling.lenient || !missing.has(sqlstate))) throw leftoverError(left)
    const counts = await countRows(
      session,
      parts.map(({ archive }) => archive),
    )
    io.progress('statistics for the planner')
    await session.query('ANALYZE')
    return { left: left.filter(({ type }) => type !== 'ACL' && type !== 'COMMENT'), counts }
  } finally {
    await session.close()
  }
}

/** Foreign keys and views can be left out of a copy; a table cannot. */
function needsOthers(waiting: readonly Leftover[]): AquaError {
  const tables = waiting.filter((entry) => !mayWait(entry))
  return new AquaError('NEEDS_OTHERS', 'its tables cannot be made without other schemas', {
    exit: 'refused',
    details: tables.map((entry) => `${describe(entry)}: ${entry.message}`),
    hint: 'copy all schemas of a set: aqua restore all <set> --into <database>',
  })
}

function extensionEntry({ name, schema }: Manifest['extensions'][number]): Entry {
  const sql = `CREATE EXTENSION IF NOT EXISTS ${identifier(name)} WITH SCHEMA ${identifier(schema)}`
  return { name, type: 'EXTENSION', schema: '-', sql }
}
