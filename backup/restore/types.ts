import { identifier, literal } from '../postgres.ts'
import type { Session } from '../session.ts'
import type { Entry } from './entries.ts'

/** Where types wait while their schema is dropped and made again. */
export const shelter = 'aqua_kept_types'

const isType = (entry: Entry) => entry.type === 'TYPE' || entry.type === 'DOMAIN'

/** Without what follows it: owner and comment are set again in any case. */
function definition(entry: Entry): string {
  return entry.sql.split(/;\n\n\n/)[0]?.replace(/;$/, '') ?? ''
}

/**
 * Types that stay: columns of other schemas may have them, and a type cannot be replaced under a column. Only those that the
 * archive defines exactly as they are now.
 */
export async function keptTypes(
  session: Session,
  schema: string,
  now: readonly Entry[],
  archive: readonly Entry[],
): Promise<Map<string, { oid: string; domain: boolean }>> {
  const same = archive.filter(
    (entry) =>
      isType(entry) &&
      now.some((other) => isType(other) && other.name === entry.name && definition(other) === definition(entry)),
  )
  if (same.length === 0) return new Map()
  const rows =
    await session.query(`SELECT t.oid, t.typname, t.typtype FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = ${literal(schema)} AND t.typname IN (${same.map(({ name }) => literal(name)).join(', ')})
  AND (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND (SELECT relkind FROM pg_class WHERE oid = t.typrelid) = 'c')`)
  return new Map(rows.map(([oid = '', name = '', type]) => [name, { oid, domain: type === 'd' }]))
}

/** Into the shelter, with nothing left of owner, grants and comment: those come from the archive. */
export function shelterSql(schema: string, kept: ReadonlyMap<string, { domain: boolean }>): string {
  const moves = [...kept].map(([name, { domain }]) => {
    const kind = domain ? 'DOMAIN' : 'TYPE'
    const there = `${identifier(shelter)}.${identifier(name)}`
    return `ALTER ${kind} ${identifier(schema)}.${identifier(name)} SET SCHEMA ${identifier(shelter)};
ALTER ${kind} ${there} OWNER TO CURRENT_USER;
COMMENT ON ${kind} ${there} IS NULL;
DO $aqua$ DECLARE grantee text; BEGIN
  FOR grantee IN SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
    FROM pg_type t, aclexplode(t.typacl) a WHERE t.oid = ${literal(there)}::regtype
  LOOP EXECUTE format('REVOKE ALL ON TYPE %s FROM %s', ${literal(there)}::regtype, grantee); END LOOP;
  GRANT USAGE ON TYPE ${there} TO PUBLIC, CURRENT_USER;
END $aqua$;`
  })
  return `CREATE SCHEMA ${identifier(shelter)};\n${moves.join('\n')}`
}

/** The archive's entries with "come back from the shelter" in place of "be created". */
export function returning(
  schema: string,
  entries: readonly Entry[],
  kept: ReadonlyMap<string, { domain: boolean }>,
): Entry[] {
  return entries.map((entry) => {
    const found = isType(entry) ? kept.get(entry.name) : undefined
    if (!found) return entry
    const back = `ALTER ${found.domain ? 'DOMAIN' : 'TYPE'} ${identifier(shelter)}.${identifier(entry.name)} SET SCHEMA ${identifier(schema)}`
    return { ...entry, sql: entry.sql.replace(definition(entry), () => back) }
  })
}
