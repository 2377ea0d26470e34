/** One entry of a dump's table of contents, as pg_restore and pg_dump write it in SQL: its comment and its statements. */
export interface Entry {
  name: string
  /** `TABLE`, `VIEW`, `FK CONSTRAINT`, `ACL`, … */
  type: string
  /** `-` for what is in no schema. */
  schema: string
  sql: string
}

export interface Script {
  /** Settings that hold for everything that follows: search path, encoding. */
  header: string
  entries: Entry[]
  /** `17.6`; of the server that was dumped, and of the pg_dump that did it. */
  server: string | undefined
  client: string | undefined
}

// Names cannot break the comment: pg_dump turns their line breaks into spaces.
const comment = /^--\n-- (?:Data for )?Name: (.*?); Type: ([A-Z ]+); Schema: (.*?); Owner: .*\n--\n/gm
const trailer = /^--\n-- PostgreSQL database dump complete\n--\n[\s\S]*$/m
/** Holds for the entries after it, although it stands at the end of the one before. */
const setting = /\n(SET default_\w+ = [^;\n]*;\n\s*)+$/

/**
 * Split the SQL of one section into entries. They are the unit of a restore: statements of an entry belong together, and
 * whole entries can wait for others.
 */
export function readScript(text: string): Script {
  const version = (what: string) => new RegExp(`^-- Dumped ${what} version (\\S+)`, 'm').exec(text)?.[1]
  const body = text.replace(trailer, '')
  const found = [...body.matchAll(comment)]
  const first = found[0]?.index ?? body.length
  const header = body
    .slice(0, first)
    .split('\n')
    // Waiting for a lock has its limit, which is not the archive's business.
    .filter((line) => !/^(\\|--|SET (lock|transaction|statement|idle_in_transaction_session)_timeout\b)/.test(line))
    .join('\n')
    .trim()
  const entries: Entry[] = []
  for (const [i, match] of found.entries()) {
    const [whole, name = '', type = '', schema = ''] = match
    const chunk = body.slice(match.index + whole.length, found[i + 1]?.index)
    const settings = setting.exec(chunk)
    const sql = (settings ? chunk.slice(0, settings.index) : chunk).trim()
    if (sql !== '') entries.push({ name, type, schema, sql })
    if (settings) entries.push({ name: '', type: 'SET', schema: '-', sql: settings[0].trim() })
  }
  return { header, entries, server: version('from database'), client: version('by pg_dump') }
}

/** The schemas that entries make or put something into. */
export function schemasOf(entries: readonly Entry[]): string[] {
  const names = entries.map(({ type, name, schema }) => (type === 'SCHEMA' ? name : schema))
  return [...new Set(names.filter((name) => name !== '-' && name !== ''))]
}

const role = '("(?:[^"]|"")+"|[\\w$]+)'
const mentions = [
  new RegExp(`^ALTER .* OWNER TO ${role};$`, 'gm'),
  new RegExp(`^(?:GRANT|REVOKE) .* (?:TO|FROM) ${role}(?: WITH GRANT OPTION)?;$`, 'gm'),
  new RegExp(`^ALTER DEFAULT PRIVILEGES FOR ROLE ${role} .* (?:TO|FROM) ${role}(?: WITH GRANT OPTION)?;$`, 'gm'),
  new RegExp(`^ALTER DEFAULT PRIVILEGES FOR ROLE ${role} `, 'gm'),
  new RegExp(`^SET SESSION AUTHORIZATION ${role};$`, 'gm'),
  new RegExp(`^CREATE POLICY .* TO (${role}(?:, ${role})*)(?: USING| WITH CHECK|;)`, 'gm'),
]

/** Roles that the statements need: owners, grantees, subjects of default privileges and policies. */
export function rolesOf(entries: readonly Entry[]): string[] {
  const found = new Set<string>()
  // A function's body may look like a statement; only these kinds of lines are looked at, and a body is no reason to refuse.
  for (const { sql, type } of entries) {
    const text = /^(FUNCTION|PROCEDURE)$/.test(type) ? (sql.split('\n').at(-1) ?? '') : sql
    for (const pattern of mentions)
      for (const [, ...names] of text.matchAll(pattern))
        for (const list of names)
          for (const [name] of (list ?? '').matchAll(new RegExp(role, 'g')))
            found.add(name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name)
  }
  for (const pseudo of ['PUBLIC', 'DEFAULT', 'CURRENT_USER', 'SESSION_USER']) found.delete(pseudo)
  return [...found].sort()
}
