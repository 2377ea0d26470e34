import type { Io } from '../../scripts/step.ts'
import { identifier, literal, type Postgres, query } from '../postgres.ts'
import { oldPrefix } from './database.ts'
import { openWork } from './transaction.ts'

/** Comment of a database that a swap has put aside. */
const keptComment = (live: string, set: string) => `aqua: ${live} until it was restored from ${set}`

export interface Kept {
  name: string
  comment: string
  bytes: number
}

/** Databases that swaps have put aside, oldest first. Only what carries both the name and the comment of one. */
export async function keptDatabases(io: Pick<Io, 'probe'>, postgres: Postgres): Promise<Kept[]> {
  const live = postgres.database
  const rows = await query(
    io,
    postgres,
    `SELECT datname, shobj_description(oid, 'pg_database'), pg_database_size(oid) FROM pg_database
WHERE starts_with(datname, ${literal(oldPrefix(live))}) AND starts_with(shobj_description(oid, 'pg_database'), ${literal(keptComment(live, ''))})
ORDER BY 1`,
  )
  return rows.map(([name = '', comment = '', bytes]) => ({ name, comment, bytes: Number(bytes) }))
}

/** What a database is besides its content, as statements for `name`: settings, also per role, privileges, comment. */
const propertiesSql = (
  live: string,
  name: string,
) => `WITH live AS (SELECT * FROM pg_database WHERE datname = ${literal(live)})
SELECT format('ALTER %s SET %I TO %s', CASE s.setrole WHEN 0 THEN format('DATABASE %I', ${literal(name)})
    ELSE format('ROLE %I IN DATABASE %I', pg_get_userbyid(s.setrole), ${literal(name)}) END, split_part(c, '=', 1),
  CASE WHEN split_part(c, '=', 1) LIKE '%\\_preload_libraries' OR split_part(c, '=', 1) IN ('search_path', 'temp_tablespaces')
    THEN coalesce(nullif(substr(c, strpos(c, '=') + 1), ''), '''''') ELSE quote_literal(substr(c, strpos(c, '=') + 1)) END)
FROM live, pg_db_role_setting s, unnest(s.setconfig) c WHERE s.setdatabase = live.oid
UNION ALL SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', ${literal(name)}) FROM live WHERE datacl IS NOT NULL
UNION ALL SELECT format('GRANT %s ON DATABASE %I TO %s%s', a.privilege_type, ${literal(name)},
    CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
    CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) FROM live, aclexplode(live.datacl) a`

/** Give `fresh` the live database's settings and privileges. */
export async function copyProperties(io: Io, postgres: Postgres, maintenance: string, fresh: string): Promise<void> {
  const session = await openWork(io, postgres, maintenance)
  try {
    for (const [sql = ''] of await session.query(propertiesSql(postgres.database, fresh))) await session.query(sql)
  } finally {
    await session.close()
  }
}

const pauseMs = 200

/**
 * Both renames in one transaction: whenever it is cut off, the live name stands for the old database or for the new one. A rename
 * needs the database to itself. It first takes the lock that new connections wait for, then waits some seconds for the others to
 * go; those are ended meanwhile, so nobody can slip in between.
 */
export async function swapDatabases(
  io: Io,
  postgres: Postgres,
  maintenance: string,
  names: { fresh: string; old: string; set: string },
): Promise<void> {
  const live = postgres.database
  const session = await openWork(io, postgres, maintenance)
  try {
    const [[comment = ''] = []] = await session.query(
      `SELECT coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = ${literal(live)}`,
    )
    await session.query('BEGIN')
    let waiting = true
    const renamed = session
      .query(`ALTER DATABASE ${identifier(live)} RENAME TO ${identifier(names.old)}`)
      .finally(() => {
        waiting = false
      })
    renamed.catch(() => {})
    while (waiting) {
      await query(
        io,
        postgres,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${literal(live)}`,
        maintenance,
      )
      await Promise.race([renamed.catch(() => {}), io.sleep(pauseMs)])
    }
    await renamed
    await session.query(`ALTER DATABASE ${identifier(names.fresh)} RENAME TO ${identifier(live)};
COMMENT ON DATABASE ${identifier(live)} IS ${comment === '' ? 'NULL' : literal(comment)};
COMMENT ON DATABASE ${identifier(names.old)} IS ${literal(keptComment(live, names.set))}`)
    await session.query('COMMIT')
  } finally {
    await session.close()
  }
}
