import { services } from '../docker/services.ts'
import { AquaError } from '../scripts/error.ts'
import type { Io } from '../scripts/step.ts'
import { nearest } from '../scripts/suggest.ts'
import { type Postgres, query } from './postgres.ts'

export interface Chosen {
  /** Exist in the database. */
  schemas: string[]
  /** Of the catalogue, but not in this database: not part of the set. */
  absent: string[]
  /** Hold tables and are nobody's in the catalogue: not part of the set either, unless named. */
  unasked: string[]
}

const catalogue = services.flatMap(({ schema }) => schema ?? [])

const presentSql = `SELECT n.nspname, EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1`

/**
 * What a set is to hold: the schemas that are named, else those of the catalogue that exist. `everything` adds what nobody in
 * the catalogue owns, for a set that is the last copy before something is deleted. Refuses an unknown name and, unless
 * `orNone`, a database with nothing to back up: never an empty set.
 */
export async function chooseSchemas(
  io: Pick<Io, 'probe'>,
  postgres: Postgres,
  named: readonly string[],
  options: { everything?: boolean; orNone?: boolean } = {},
): Promise<Chosen> {
  const rows = await query(io, postgres, presentSql)
  const present = rows.map(([name = '']) => name)
  const others = rows.flatMap(([name = '', tables]) => (tables === 't' && !catalogue.includes(name) ? [name] : []))
  const unknown = named.find((name) => !present.includes(name))
  if (unknown !== undefined) {
    const close = nearest(unknown, present)
    throw new AquaError('NO_SCHEMA', `the database ${postgres.database} has no schema ${unknown}`, {
      exit: 'usage',
      hint: close ? `did you mean ${close}?` : `it has ${present.join(', ') || 'none'}`,
    })
  }
  if (named.length > 0) return { schemas: [...new Set(named)], absent: [], unasked: [] }
  const own = catalogue.filter((name) => present.includes(name))
  const schemas = options.everything ? [...own, ...others] : own
  if (schemas.length === 0 && !options.orNone)
    throw new AquaError('NOTHING_TO_BACK_UP', `the database ${postgres.database} has none of the services' schemas`, {
      details: [`looked for ${catalogue.join(', ')} in ${postgres.where}`],
      hint: 'aqua up starts the services, which make them; --schema names others',
    })
  const absent = catalogue.filter((name) => !present.includes(name))
  return { schemas, absent, unasked: options.everything ? [] : others }
}
