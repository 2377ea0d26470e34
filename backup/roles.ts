import { names } from './postgres.ts'
import type { Session } from './session.ts'

export interface Roles {
  /** Owners and grantees that the archives name, sorted. */
  referred: string[]
  /** SQL that makes what is missing, without passwords. */
  sql: string
}

/**
 * The roles that matter to the schemas: those their objects belong to or are granted to, and everything connected with these
 * by membership, since a login role often has its rights through a group. Not `pg_dumpall --roles-only`: that brings every role
 * of the server, and its `ALTER ROLE` would overwrite the attributes of roles that are there.
 */
export async function dumpRoles(session: Session, schemas: readonly string[]): Promise<Roles> {
  const referred = (await session.query(`${referredSql(schemas)} SELECT rolname FROM referred ORDER BY 1`)).flat()
  const lines = await session.query(`${referredSql(schemas)}${connectedSql} ${statementsSql}`)
  const head = '-- Roles without passwords. Makes what is missing and leaves roles that exist as they are.\n'
  return { referred, sql: `${head}${lines.map(([line]) => `${line}\n`).join('')}` }
}

/** pg_shdepend names every role that an object refers to, except the bootstrap superuser: owners are looked up as well. */
function referredSql(schemas: readonly string[]): string {
  const holders = [
    ['pg_class', 'relnamespace', 'relowner'],
    ['pg_proc', 'pronamespace', 'proowner'],
    ['pg_type', 'typnamespace', 'typowner'],
    ['pg_operator', 'oprnamespace', 'oprowner'],
    ['pg_opclass', 'opcnamespace', 'opcowner'],
    ['pg_opfamily', 'opfnamespace', 'opfowner'],
    ['pg_collation', 'collnamespace', 'collowner'],
    ['pg_conversion', 'connamespace', 'conowner'],
    ['pg_statistic_ext', 'stxnamespace', 'stxowner'],
    ['pg_ts_dict', 'dictnamespace', 'dictowner'],
    ['pg_ts_config', 'cfgnamespace', 'cfgowner'],
    ['pg_default_acl', 'defaclnamespace', 'defaclrole'],
  ]
  const objects = holders.map(
    ([table, namespace, owner]) =>
      `SELECT '${table}'::regclass::oid, o.oid, o.${owner} FROM ${table} o JOIN spaces s ON s.oid = o.${namespace}`,
  )
  return `WITH RECURSIVE spaces AS (SELECT oid, nspowner FROM pg_namespace WHERE nspname = ANY (${names(schemas)})),
objects (class, object, owner) AS (
  SELECT 'pg_namespace'::regclass::oid, oid, nspowner FROM spaces
  UNION ALL ${objects.join('\n  UNION ALL ')}
  UNION ALL SELECT 'pg_policy'::regclass::oid, p.oid, c.relowner FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    JOIN spaces s ON s.oid = c.relnamespace),
referred AS (SELECT r.oid, r.rolname FROM pg_roles r WHERE r.rolname !~ '^pg_' AND r.oid IN (
  SELECT owner FROM objects
  UNION SELECT d.refobjid FROM pg_shdepend d JOIN objects o ON o.class = d.classid AND o.object = d.objid
    WHERE d.refclassid = 'pg_authid'::regclass AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())))`
}

/** Upwards to the groups and downwards to the members; the server's own `pg_…` roles are granted but neither made nor followed. */
const connectedSql = `,
up AS (SELECT oid FROM referred UNION SELECT m.roleid FROM pg_auth_members m JOIN up ON up.oid = m.member),
down AS (SELECT oid FROM referred UNION SELECT m.member FROM pg_auth_members m JOIN down ON down.oid = m.roleid),
connected AS (SELECT r.* FROM pg_roles r WHERE r.oid IN (SELECT oid FROM up UNION SELECT oid FROM down) AND r.rolname !~ '^pg_')`

const on = (column: string, word: string) => `CASE WHEN r.${column} THEN ' ${word}' ELSE ' NO${word}' END`

/**
 * One statement per line. A role is made with its attributes and settings only where it is missing. Written as DO blocks whose
 * body is a string constant, so that no name can end it. Settings that are lists (search_path) are stored as quoted names,
 * all others as plain text. INHERIT and SET of a membership, new in PostgreSQL 16, are written where they are switched off.
 */
const statementsSql = `SELECT format('DO %L;', format('BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %L) THEN ',
    r.rolname) || format('CREATE ROLE %I', r.rolname) || ${on('rolsuper', 'SUPERUSER')} || ${on('rolinherit', 'INHERIT')}
  || ${on('rolcreaterole', 'CREATEROLE')} || ${on('rolcreatedb', 'CREATEDB')} || ${on('rolcanlogin', 'LOGIN')}
  || ${on('rolreplication', 'REPLICATION')} || ${on('rolbypassrls', 'BYPASSRLS')}
  || CASE WHEN r.rolconnlimit >= 0 THEN ' CONNECTION LIMIT ' || r.rolconnlimit ELSE '' END
  || CASE WHEN r.rolvaliduntil IS NOT NULL THEN format(' VALID UNTIL %L', r.rolvaliduntil) ELSE '' END || '; '
  || coalesce((SELECT string_agg(format('ALTER ROLE %I SET %I TO %s; ', r.rolname, name,
      CASE WHEN name LIKE '%\\_preload_libraries' OR name IN ('search_path', 'temp_tablespaces')
        THEN coalesce(nullif(nullif(value, '""'), ''), '''''') ELSE quote_literal(value) END), '')
    FROM (SELECT split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value FROM unnest(r.rolconfig) c) set), '') || 'END IF; END'), 1 AS part, r.rolname AS name, '' AS member
FROM connected r
UNION ALL SELECT DISTINCT format('GRANT %I TO %I%s;', g.rolname, m.rolname, (
    SELECT coalesce(' WITH ' || string_agg(option, ', '), '') FROM (VALUES
      (CASE WHEN a.admin_option THEN 'ADMIN OPTION' END),
      (CASE WHEN to_jsonb(a) ->> 'inherit_option' = 'false' THEN 'INHERIT FALSE' END),
      (CASE WHEN to_jsonb(a) ->> 'set_option' = 'false' THEN 'SET FALSE' END)) AS options (option))), 2, g.rolname, m.rolname
FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN connected m ON m.oid = a.member
  WHERE a.roleid IN (SELECT oid FROM up UNION SELECT oid FROM down)
ORDER BY part, name, member`
