import { AquaError } from '../../scripts/error.ts'
import type { Session } from '../session.ts'
import { type Leftover, runEntries } from './pool.ts'

const unproven = `SELECT oid FROM pg_constraint WHERE contype = 'f' AND NOT convalidated AND conparentid = 0`

const counting = (known: readonly string[]) => `SELECT
  format('%s (%s)', c.conrelid::regclass, string_agg(quote_ident(f.attname), ', ' ORDER BY k.n)), c.confrelid::regclass,
  format('SELECT count(*) FROM %s f WHERE %s AND NOT EXISTS (SELECT FROM %s p WHERE %s)',
    c.conrelid::regclass, string_agg(format('f.%I IS NOT NULL', f.attname), ' AND '),
    c.confrelid::regclass, string_agg(format('f.%I = p.%I', f.attname, p.attname), ' AND '))
FROM pg_constraint c, unnest(c.conkey, c.confkey) WITH ORDINALITY AS k (f, p, n), pg_attribute f, pg_attribute p
WHERE c.contype = 'f' AND NOT c.convalidated AND c.conparentid = 0 AND NOT c.oid = ANY ('{${known.join(',')}}'::oid[])
  AND f.attrelid = c.conrelid AND f.attnum = k.f AND p.attrelid = c.confrelid AND p.attnum = k.p
GROUP BY c.oid, c.conrelid, c.confrelid ORDER BY 1`

/**
 * Foreign keys that could not be made because rows refer to rows that are not there: which, and how many. For a transaction that is
 * about to be rolled back.
 */
export async function orphanError(session: Session, left: readonly Leftover[], what: string): Promise<AquaError> {
  const known = (await session.query(unproven)).map(([oid = '']) => oid)
  const keys = left.map((entry) => ({ ...entry, sql: `${entry.sql.replace(/;?\s*$/, '')} NOT VALID` }))
  // A partitioned table takes no unproven key before PostgreSQL 18: then the server's own example has to do.
  const odd = await runEntries(session, keys)
  const details: string[] = []
  for (const [from, to, sql = ''] of await session.query(counting(known))) {
    const [[count = '0'] = []] = await session.query(sql)
    details.push(`${from} → ${to}: ${count} ${count === '1' ? 'row refers' : 'rows refer'} to nothing`)
  }
  for (const entry of odd)
    details.push(
      `${entry.schema}.${entry.name}: ${left.find(({ sql }) => entry.sql.startsWith(sql.replace(/;?\s*$/, '')))?.message}`,
    )
  return new AquaError('ORPHANS', `with ${what} restored, rows would refer to rows that are not there`, {
    exit: 'refused',
    details,
    hint: 'nothing was changed; mend those rows first, or restore all schemas of one set: aqua restore all <set>',
  })
}
