import { AquaError } from '../scripts/error.ts'
import type { Manifest } from './manifest.ts'
import { identifier, names } from './postgres.ts'
import type { Session } from './session.ts'

export interface Table {
  schema: string
  name: string
  /** False for a partitioned table: its rows are in its partitions. */
  hasRows: boolean
}

/** One moment of the database that several connections can look at while the session's transaction stays open. */
export interface Snapshot {
  /** For `pg_dump --snapshot`. */
  id: string
  tables: Table[]
}

/** How long to wait for a table that somebody has locked exclusively. */
export const lockWaitMs = 120_000

const attempts = 5

/**
 * Fix one moment for all schemas. The tables are locked (ACCESS SHARE, as pg_dump itself does) before the snapshot is taken: a
 * TRUNCATE or a rewriting ALTER between snapshot and dump would otherwise show the table empty. The list of tables has to be read
 * first, so it is read again afterwards; a table made in between starts it over.
 */
export async function openSnapshot(session: Session, schemas: readonly string[]): Promise<Snapshot> {
  for (let attempt = 1; ; attempt++) {
    const tables = await listTables(session, schemas)
    const all = tables.map(({ schema, name }) => `ONLY ${identifier(schema)}.${identifier(name)}`)
    await session.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL lock_timeout = ${lockWaitMs};
${all.length === 0 ? '' : `LOCK TABLE ${all.join(', ')} IN ACCESS SHARE MODE`}`)
    const [[id = ''] = []] = await session.query('SELECT pg_export_snapshot()')
    const locked = await listTables(session, schemas)
    if (JSON.stringify(locked) === JSON.stringify(tables)) return { id, tables }
    await session.query('ROLLBACK')
    if (attempt === attempts)
      throw new AquaError('TABLES_CHANGE', 'tables are being made or dropped all the time, no moment can be fixed', {
        hint: 'run it when no migration is at work',
      })
  }
}

/** Ordinary and partitioned tables, those of extensions left out, whose rows pg_dump leaves to `CREATE EXTENSION`. */
async function listTables(session: Session, schemas: readonly string[]): Promise<Table[]> {
  const rows = await session.query(`SELECT n.nspname, c.relname, c.relkind FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY (${names(schemas)}) AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2`)
  return rows.map(([schema = '', name = '', kind = '']) => ({ schema, name, hasRows: kind === 'r' }))
}

/** Rows of every table as the snapshot shows them. Row-level security is off for the session: it fails instead of hiding rows. */
export async function countRows(
  session: Session,
  schemas: readonly string[],
  snapshot: Pick<Snapshot, 'tables'>,
): Promise<Manifest['rows']> {
  const counted: Manifest['rows'] = Object.fromEntries(schemas.map((schema) => [schema, {}]))
  for (const { schema, name, hasRows } of snapshot.tables) {
    if (!hasRows) continue
    const sql = `SELECT count(*) FROM ONLY ${identifier(schema)}.${identifier(name)}`
    const [[rows = ''] = []] = await session.query(sql).catch((error: Error) => {
      throw new AquaError('COUNT_FAILED', `the rows of ${schema}.${name} cannot be read`, {
        details: [error.message],
        hint: hiddenRows(error.message) ?? 'is the database healthy? aqua ps',
        cause: error,
      })
    })
    const ofSchema = counted[schema]
    if (ofSchema) ofSchema[name] = Number(rows)
  }
  return counted
}

/** The database's extensions, which no schema dump contains. */
export async function listExtensions(session: Session): Promise<Manifest['extensions']> {
  const rows = await session.query(`SELECT e.extname, e.extversion, n.nspname FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace ORDER BY 1`)
  return rows.map(([name = '', version = '', schema = '']) => ({ name, version, schema }))
}

/** The way out where a policy of row-level security stands between the role and some of the rows. */
export function hiddenRows(said: string): string | undefined {
  return /row-level security/.test(said)
    ? 'back up as the owner of that table or a role with BYPASSRLS: rows that a policy hides would be lost'
    : undefined
}
