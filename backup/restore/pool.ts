import { AquaError } from '../../scripts/error.ts'
import { literal } from '../postgres.ts'
import type { Session } from '../session.ts'
import type { Entry } from './entries.ts'

/** An entry that could not be run, with the server's last word on it. */
export interface Leftover extends Entry {
  sqlstate: string
  message: string
}

const table = 'pg_temp.aqua_entries'

/**
 * Everything that waits for something else is tried again until nothing moves any more: schemas refer to each other in any
 * order. What no order mends (locks, memory, disk, the server itself) ends it at once.
 */
const run = `DO $aqua$
DECLARE entry record; moved boolean; state text; said text; more text;
BEGIN
  LOOP
    moved := false;
    FOR entry IN SELECT n, sql FROM ${table} WHERE NOT done ORDER BY n LOOP
      BEGIN
        EXECUTE entry.sql;
        UPDATE ${table} SET done = true, sqlstate = NULL WHERE n = entry.n;
        moved := true;
      EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, said = MESSAGE_TEXT, more = PG_EXCEPTION_DETAIL;
        IF state IN ('55P03', '40P01') OR left(state, 2) IN ('08', '40', '53', '57', '58', 'XX') THEN RAISE; END IF;
        UPDATE ${table} SET sqlstate = state,
          said = entry_said FROM (SELECT said || CASE more WHEN '' THEN '' ELSE ': ' || more END AS entry_said) AS s
          WHERE n = entry.n;
      END;
    END LOOP;
    EXIT WHEN NOT moved OR NOT EXISTS (SELECT FROM ${table} WHERE NOT done);
  END LOOP;
END $aqua$`

/**
 * Run entries on the server, in their order where it works and in any other where it does not. Returns what is left over:
 * none means that all of it was done. The statements travel as strings, so no psql command in them is ever obeyed.
 */
export async function runEntries(session: Session, entries: readonly Entry[]): Promise<Leftover[]> {
  if (entries.length === 0) return []
  await session.query(
    `DROP TABLE IF EXISTS ${table}; CREATE TEMP TABLE aqua_entries (n int, sql text, done boolean DEFAULT false, sqlstate text, said text)`,
  )
  const rows = entries.map(({ sql }, n) => `(${n}, ${literal(sql)})`)
  await session.query(`INSERT INTO ${table} (n, sql) VALUES ${rows.join(',\n')}`)
  await session.query(run)
  const left = await session.query(`SELECT n, sqlstate, said FROM ${table} WHERE NOT done ORDER BY n`)
  await session.query(`DROP TABLE ${table}`)
  return left.flatMap(([n = '', sqlstate = '', message = '']) => {
    const entry = entries[Number(n)]
    return entry ? [{ ...entry, sqlstate, message }] : []
  })
}

/** Views and functions may lean on something that comes after the data, such as a primary key; tables may not. */
export function mayWait(entry: Entry): boolean {
  return !/^(SCHEMA|TABLE|FOREIGN TABLE|TYPE|DOMAIN|SEQUENCE|EXTENSION|SET)$/.test(entry.type)
}

/** Left over at the end: what and why. */
export function leftoverError(left: readonly Leftover[]): AquaError {
  const [first] = left
  const names = left.map((entry) => `${describe(entry)}: ${entry.message}`)
  return new AquaError('RESTORE_FAILED', `${first ? describe(first) : 'an entry'} cannot be restored`, {
    details: names.slice(0, 20),
  })
}

/** Foreign keys that rows stand against. */
export function orphaned(left: readonly Leftover[]): Leftover[] {
  return left.filter(({ sqlstate }) => sqlstate === '23503')
}

export function describe({ type, schema, name }: Entry): string {
  return `${type.toLowerCase()} ${schema === '-' ? '' : `${schema}.`}${name}`
}
