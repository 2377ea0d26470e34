import { identifier, literal } from '../postgres.ts'
import type { Session } from '../session.ts'
import type { Entry } from './entries.ts'

/** What in other schemas leans on a schema, and goes with it when it is dropped. */
export interface Dependents {
  /** Foreign keys, triggers, defaults: how each is made again. */
  saved: (Entry & { key: string })[]
  /** Views and materialized views of other schemas, over whatever number of steps. */
  views: { schema: string; name: string; populated: boolean; key: string }[]
  /** What cannot be saved, as sentences. */
  obstacles: string[]
  /** Types that were to stay but depend on what goes. */
  notKept: string[]
}

const relationOf = (column: string, table: string) =>
  `(SELECT r.relnamespace FROM ${table} s JOIN pg_class r ON r.oid = s.${column} WHERE s.oid = d.objid)`

/** The schema that an object belongs to, also for what has none of its own: triggers, rules, defaults, policies. */
const namespace = `CASE d.classid
  WHEN 'pg_constraint'::regclass THEN (SELECT connamespace FROM pg_constraint WHERE oid = d.objid)
  WHEN 'pg_trigger'::regclass THEN ${relationOf('tgrelid', 'pg_trigger')}
  WHEN 'pg_rewrite'::regclass THEN ${relationOf('ev_class', 'pg_rewrite')}
  WHEN 'pg_attrdef'::regclass THEN ${relationOf('adrelid', 'pg_attrdef')}
  WHEN 'pg_policy'::regclass THEN ${relationOf('polrelid', 'pg_policy')}
  WHEN 'pg_publication_rel'::regclass THEN ${relationOf('prrelid', 'pg_publication_rel')}
  WHEN 'pg_publication_namespace'::regclass THEN (SELECT pnnspid FROM pg_publication_namespace WHERE oid = d.objid)
  WHEN 'pg_default_acl'::regclass THEN (SELECT defaclnamespace FROM pg_default_acl WHERE oid = d.objid)
  WHEN 'pg_amop'::regclass THEN (SELECT f.opfnamespace FROM pg_amop a JOIN pg_opfamily f ON f.oid = amopfamily WHERE a.oid = d.objid)
  WHEN 'pg_amproc'::regclass THEN (SELECT f.opfnamespace FROM pg_amproc a JOIN pg_opfamily f ON f.oid = amprocfamily WHERE a.oid = d.objid)
  ELSE (SELECT n.oid FROM pg_namespace n, pg_identify_object(d.classid, d.objid, 0) i WHERE quote_ident(n.nspname) = i.schema)
END`

/**
 * Everything that PostgreSQL would drop with the schema (its own recursion: dependents, and the whole of which something is an
 * internal part), by where it is. `keep`: oids of types that will have been moved out before.
 */
function doomed(schema: string, keep: readonly string[]): string {
  const kept = `d.classid = 'pg_type'::regclass AND d.objid = ANY ('{${keep.join(',')}}'::oid[])`
  return `WITH RECURSIVE doomed (classid, objid, objsubid) AS (
    SELECT d.classid, d.objid, d.objsubid FROM pg_depend d
      WHERE d.refclassid = 'pg_namespace'::regclass
        AND d.refobjid = (SELECT oid FROM pg_namespace WHERE nspname = ${literal(schema)}) AND NOT (${kept})
    UNION
    SELECT next.classid, next.objid, next.objsubid FROM doomed r, LATERAL (
      SELECT d.classid, d.objid, d.objsubid FROM pg_depend d
        WHERE d.refclassid = r.classid AND d.refobjid = r.objid AND r.objsubid IN (0, d.refobjsubid)
      UNION ALL
      SELECT d.refclassid, d.refobjid, d.refobjsubid FROM pg_depend d
        WHERE d.classid = r.classid AND d.objid = r.objid AND d.deptype IN ('i', 'e')) next
  ), placed AS (
    SELECT d.*, ${kept} AS kept, ${namespace} AS nsp FROM (SELECT DISTINCT * FROM doomed) d
  ), outside AS (
    SELECT * FROM placed WHERE NOT kept AND nsp IS DISTINCT FROM (SELECT oid FROM pg_namespace WHERE nspname = ${literal(schema)})
      AND nsp IS DISTINCT FROM 'pg_toast'::regnamespace
  ), views AS (
    SELECT DISTINCT c.oid, c.relname, n.nspname, c.relkind, c.relispopulated, c.relacl, c.relowner, c.reloptions
    FROM outside o JOIN pg_class c ON c.oid = o.objid AND o.classid = 'pg_class'::regclass AND o.objsubid = 0
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm')
  )`
}

const listed = `SELECT 'view' AS kind, v.nspname, v.relname, (v.relkind = 'm' AND v.relispopulated)::text,
    md5(concat_ws('|', v.oid, pg_get_viewdef(v.oid), v.relacl, v.relowner, v.reloptions)) AS key
  FROM views v
UNION ALL
SELECT 'FK CONSTRAINT', n.nspname, c.conname,
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid)), c.oid::text
  FROM outside o JOIN pg_constraint c ON c.oid = o.objid AND o.classid = 'pg_constraint'::regclass
  JOIN pg_namespace n ON n.oid = c.connamespace WHERE c.contype = 'f' AND c.conparentid = 0
UNION ALL
SELECT 'COMMENT', n.nspname, c.conname,
    format('COMMENT ON CONSTRAINT %I ON %s IS %L', c.conname, c.conrelid::regclass, obj_description(c.oid, 'pg_constraint')), c.oid::text
  FROM outside o JOIN pg_constraint c ON c.oid = o.objid AND o.classid = 'pg_constraint'::regclass
  JOIN pg_namespace n ON n.oid = c.connamespace
  WHERE c.contype = 'f' AND c.conparentid = 0 AND obj_description(c.oid, 'pg_constraint') IS NOT NULL
UNION ALL
SELECT 'TRIGGER', n.nspname, t.tgname, pg_get_triggerdef(t.oid) ||
    CASE t.tgenabled WHEN 'O' THEN '' ELSE format('; ALTER TABLE %s %s TRIGGER %I', t.tgrelid::regclass,
      CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, t.tgname) END ||
    coalesce(format('; COMMENT ON TRIGGER %I ON %s IS %L', t.tgname, t.tgrelid::regclass, obj_description(t.oid, 'pg_trigger')), ''),
    t.oid::text
  FROM outside o JOIN pg_trigger t ON t.oid = o.objid AND o.classid = 'pg_trigger'::regclass
  JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND c.relkind IN ('r', 'p')
UNION ALL
SELECT 'DEFAULT', n.nspname, c.relname || ' ' || a.attname,
    format('ALTER TABLE ONLY %s ALTER COLUMN %I SET DEFAULT %s', c.oid::regclass, a.attname, pg_get_expr(x.adbin, x.adrelid)), x.oid::text
  FROM outside o JOIN pg_attrdef x ON x.oid = o.objid AND o.classid = 'pg_attrdef'::regclass
  JOIN pg_class c ON c.oid = x.adrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = x.adrelid AND a.attnum = x.adnum
  WHERE a.attgenerated = '' AND c.relkind IN ('r', 'p')
UNION ALL
SELECT 'kept', '', t.typname, '', t.oid::text FROM placed p JOIN pg_type t ON t.oid = p.objid WHERE p.kept
UNION ALL
SELECT DISTINCT 'obstacle', '', pg_describe_object(o.classid, o.objid, o.objsubid),
    coalesce((SELECT pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) FROM pg_depend d JOIN placed p
      ON p.classid = d.refclassid AND p.objid = d.refobjid AND d.refobjsubid IN (p.objsubid, 0)
      WHERE d.classid = o.classid AND d.objid = o.objid AND d.objsubid = o.objsubid
        AND p.nsp IS DISTINCT FROM o.nsp LIMIT 1), ''), ''
  FROM outside o
  WHERE NOT (o.classid = 'pg_constraint'::regclass AND (SELECT contype = 'f' FROM pg_constraint WHERE oid = o.objid))
    AND NOT (o.classid = 'pg_trigger'::regclass AND (SELECT tgisinternal OR tgparentid <> 0 OR c.relkind IN ('r', 'p', 'v')
      FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE t.oid = o.objid))
    AND NOT (o.classid = 'pg_attrdef'::regclass AND (SELECT a.attgenerated = '' AND c.relkind IN ('r', 'p', 'v') FROM pg_attrdef x
      JOIN pg_class c ON c.oid = x.adrelid
      JOIN pg_attribute a ON a.attrelid = x.adrelid AND a.attnum = x.adnum WHERE x.oid = o.objid))
    AND NOT (o.classid = 'pg_class'::regclass AND (o.objid IN (SELECT oid FROM views)
      OR EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = o.objid AND i.indrelid IN (SELECT oid FROM views))))
    AND NOT (o.classid = 'pg_rewrite'::regclass AND (SELECT ev_class FROM pg_rewrite WHERE oid = o.objid) IN (SELECT oid FROM views))
    AND NOT (o.classid = 'pg_type'::regclass AND (SELECT coalesce(nullif(t.typrelid, 0), e.typrelid, 0) FROM pg_type t
      LEFT JOIN pg_type e ON e.oid = t.typelem WHERE t.oid = o.objid) IN (SELECT oid FROM views))
    AND NOT (o.classid = 'pg_statistic_ext'::regclass AND (SELECT stxrelid FROM pg_statistic_ext WHERE oid = o.objid) IN (SELECT oid FROM views))
ORDER BY 1, 2, 3, 5`

/** Needs an empty search path, so that names come out in full. */
export async function dependentsOf(session: Session, schema: string, keep: readonly string[]): Promise<Dependents> {
  const rows = await session.query(`${doomed(schema, keep)}\n${listed}`)
  const found: Dependents = { saved: [], views: [], obstacles: [], notKept: [] }
  for (const [kind = '', nsp = '', name = '', text = '', key = ''] of rows) {
    if (kind === 'view') found.views.push({ schema: nsp, name, populated: text === 'true', key })
    else if (kind === 'kept') found.notKept.push(key)
    else if (kind === 'obstacle') found.obstacles.push(text === '' ? name : `${name} depends on ${text}`)
    else found.saved.push({ type: kind, schema: nsp, name, sql: text, key })
  }
  return found
}

/** Equal: nobody has changed what leans on the schema in between. */
export function sameDependents(a: Dependents, b: Dependents): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** Populated materialized views are filled again; pg_dump's definitions leave them empty. */
export function refreshes(dependents: Dependents): Entry[] {
  return dependents.views
    .filter(({ populated }) => populated)
    .map(({ schema, name }) => ({
      type: 'MATERIALIZED VIEW DATA',
      schema,
      name,
      sql: `REFRESH MATERIALIZED VIEW ${identifier(schema)}.${identifier(name)}`,
    }))
}

const everything = ['class', 'proc', 'type', 'constraint', 'attrdef', 'rewrite', 'policy', 'operator', 'collation']
  .map((name) => `SELECT 'pg_${name}'::regclass::oid AS classid, oid AS objid FROM pg_${name}`)
  .concat(`SELECT 'pg_trigger'::regclass, oid FROM pg_trigger WHERE NOT tgisinternal`)
  .concat(`SELECT 'pg_attribute'::regclass, attrelid FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped`)
  .join('\nUNION ALL\n')

/** Before a drop: note what is there and what is known to go. Temporary; ends with the transaction. */
export function noteSql(schema: string, keep: readonly string[]): string {
  return `CREATE TEMP TABLE aqua_there ON COMMIT DROP AS SELECT classid, objid, count(*) AS n FROM (${everything}) e GROUP BY 1, 2;
CREATE TEMP TABLE aqua_doomed ON COMMIT DROP AS ${doomed(schema, keep)} SELECT DISTINCT classid, objid FROM placed WHERE NOT kept;
ALTER TABLE pg_temp.aqua_there ADD said text;
UPDATE pg_temp.aqua_there t SET said = pg_describe_object(t.classid, t.objid, 0) WHERE t.classid <> 'pg_attribute'::regclass
  AND NOT EXISTS (SELECT FROM pg_temp.aqua_doomed d WHERE d.classid = t.classid AND d.objid = t.objid)`
}

/** After it: what has gone although nobody knew. Always empty, unless PostgreSQL's rules are not those above. */
export const lostSql = `SELECT coalesce(t.said, 'a column of ' || t.objid::regclass) FROM pg_temp.aqua_there t
LEFT JOIN (SELECT classid, objid, count(*) AS n FROM (${everything}) e GROUP BY 1, 2) now USING (classid, objid)
WHERE coalesce(now.n, 0) < t.n AND NOT EXISTS (SELECT FROM pg_temp.aqua_doomed d WHERE d.objid = t.objid
  AND (d.classid = t.classid OR t.classid = 'pg_attribute'::regclass AND d.classid = 'pg_class'::regclass))`
