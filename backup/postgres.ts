import path from 'node:path'
import { engineError, type Stack } from '../docker/engine.ts'
import { containersOf, serviceOf } from '../docker/inspect.ts'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import { Secret } from '../scripts/secret.ts'
import type { CommandOptions, EnvMap, Io } from '../scripts/step.ts'

export type Program = 'psql' | 'pg_dump' | 'pg_dumpall' | 'pg_restore'
type Probe = Pick<Io, 'probe'>

/** A PostgreSQL server and the client programs that reach it. Passwords are in `env` or not needed, never in `argv`. */
export interface Postgres {
  /** For people: `container aquastream-dev-postgres-1`, or `db.example:5432`. */
  readonly where: string
  readonly database: string
  readonly server: { version: string; versionNumber: number; encoding: string }
  /** Version of the client programs, e.g. `17.6`. */
  readonly client: string
  /** The command for one of PostgreSQL's programs, connected to `database` or to another one of the same server. */
  command(program: Program, args: readonly string[], database?: string): { argv: string[]; env: EnvMap }
}

/** A server as the process environment names it, or undefined: `DATABASE_URL` (postgres://…) or `PGHOST`, `PGSERVICE`. */
export function fromEnvironment(env: Context['env']): { where: string; env: EnvMap } | undefined {
  const url = env.DATABASE_URL
  if (url && /^postgres(ql)?:\/\//.test(url)) {
    const parsed = new URL(url)
    const part = (text: string) => decodeURIComponent(text)
    const database = part(parsed.pathname.slice(1))
    if (!database)
      throw new AquaError('DATABASE_URL', 'DATABASE_URL names no database', {
        exit: 'usage',
        hint: 'postgres://user@host:5432/database',
      })
    const found: Record<string, string | Secret | undefined> = {
      PGHOST: part(parsed.hostname) || parsed.searchParams.get('host') || undefined,
      PGPORT: parsed.port || undefined,
      PGUSER: part(parsed.username) || undefined,
      PGPASSWORD: parsed.password ? new Secret(part(parsed.password)) : undefined,
      PGDATABASE: database,
      PGSSLMODE: parsed.searchParams.get('sslmode') ?? undefined,
    }
    const given = Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
    return {
      where: `${parsed.hostname || 'local socket'}:${parsed.port || 5432}`,
      env: { ...given, DATABASE_URL: undefined },
    }
  }
  if (!env.PGHOST && !env.PGSERVICE) return undefined
  const own = env.PGPASSWORD ? { PGPASSWORD: new Secret(env.PGPASSWORD) } : {}
  return { where: env.PGSERVICE ? `service ${env.PGSERVICE}` : `${env.PGHOST}:${env.PGPORT ?? 5432}`, env: own }
}

/**
 * Find the server: the one that the process environment names, with this machine's client programs; else the stack's own
 * container, with the programs in it. Refuses a client older than its server.
 */
export async function connect(ctx: Pick<Context, 'env' | 'probe'>, stack: Stack): Promise<Postgres> {
  const outside = fromEnvironment(ctx.env)
  const reach = outside ? local(outside) : await container(ctx, stack)
  const [asked, said] = await Promise.all([
    rows(ctx, reach.command('psql', psqlArgs), serverSql),
    ctx.probe(reach.command('pg_dump', ['--version']).argv, reach.command('pg_dump', [])),
  ])
  const [version = '', versionNumber = '0', encoding = '', database = ''] = asked[0] ?? []
  if (said.code === 127)
    throw new AquaError('CLIENT_MISSING', 'pg_dump is not installed', {
      exit: 'missing',
      hint: `install the PostgreSQL ${Number.parseInt(version, 10)} client`,
    })
  if (said.code !== 0) throw engineError(said, reach.command('pg_dump', []).argv[0] ?? '') ?? databaseError(said.stderr)
  const client = /\d+(\.\d+)*/.exec(said.stdout)?.[0] ?? '0'
  if (Number.parseInt(client, 10) < Number.parseInt(version, 10))
    throw new AquaError('CLIENT_OLDER', `pg_dump ${client} is older than the server (${version}) and cannot dump it`, {
      exit: 'missing',
      hint: `install the PostgreSQL ${Number.parseInt(version, 10)} client, or unset DATABASE_URL and PGHOST to use the container's own`,
    })
  return { ...reach, database, client, server: { version, versionNumber: Number(versionNumber), encoding } }
}

const serverSql = `SELECT current_setting('server_version'), current_setting('server_version_num'),
  current_setting('server_encoding'), current_database()`

type Reach = Pick<Postgres, 'where' | 'command'>

function local(outside: { where: string; env: EnvMap }): Reach {
  return {
    where: outside.where,
    command: (program, args, database) => ({
      argv: [program, ...args],
      env: { ...outside.env, ...(database === undefined ? {} : { PGDATABASE: database }), PGAPPNAME: 'aqua' },
    }),
  }
}

/** Over the container's own socket, which trusts its operators: no password travels. */
async function container(ctx: Pick<Context, 'probe'>, stack: Stack): Promise<Reach> {
  const found = (await containersOf(ctx, stack.docker, stack.project)).find(
    (candidate) => serviceOf(candidate) === 'postgres' && candidate.State.Status === 'running',
  )
  if (!found)
    throw new AquaError('DATABASE_DOWN', `the database of ${stack.project} does not run`, {
      exit: 'missing',
      hint: `aqua up ${stack.stage} starts it; DATABASE_URL or PGHOST name another server`,
    })
  const name = path.posix.basename(found.Name)
  const user = String(stack.env.POSTGRES_USER ?? '')
  const own = String(stack.env.POSTGRES_DB ?? '')
  return {
    where: `container ${name}`,
    command: (program, args, database = own) => ({
      argv: [
        stack.docker,
        'exec',
        '-i',
        '-e',
        'PGUSER',
        '-e',
        'PGDATABASE',
        '-e',
        'PGAPPNAME',
        found.Id,
        program,
        ...args,
      ],
      env: { PGUSER: user, PGDATABASE: database, PGAPPNAME: 'aqua', DOCKER_CLI_HINTS: 'false' },
    }),
  }
}

const fieldSeparator = '\x1f'
const recordSeparator = '\x1e'

/** Unaligned, tuples only, no start-up file, separators that do not occur in names. */
export const psqlArgs: readonly string[] = [
  '-X', '-q', '-A', '-t', '-w', '-F', fieldSeparator, '-R', recordSeparator, '-v', 'ON_ERROR_STOP=1',
] // biome-ignore format: one line of options

/** psql's unaligned output as rows of cells; NULL is an empty cell. */
export function parseRows(text: string): string[][] {
  const body = text.replace(/\n$/, '')
  return body === '' ? [] : body.split(recordSeparator).map((row) => row.split(fieldSeparator))
}

async function rows(
  io: Probe,
  command: { argv: string[]; env: EnvMap },
  sql: string,
  options: Pick<CommandOptions, 'signal' | 'timeoutMs'> = {},
): Promise<string[][]> {
  const result = await io.probe(command.argv, { ...options, env: command.env, input: sql })
  if (result.code === 0) return parseRows(result.stdout)
  throw engineError(result, command.argv[0] ?? '') ?? databaseError(result.stderr)
}

/** What psql said, without its own file and line: the server's message first, its DETAIL and HINT as details. */
export function databaseError(stderr: string): AquaError {
  const lines = stderr.trim().split('\n')
  const first = lines.findIndex((line) => /(ERROR|FATAL|error):/.test(line))
  const message = (lines[first] ?? lines[0] ?? 'no answer').replace(/^.*?(ERROR|FATAL|error):\s+/, '')
  return new AquaError('DATABASE', `the database says: ${message}`, { details: lines.slice(first + 1) })
}

/** One query by a psql of its own. The SQL travels on standard input. */
export function query(
  io: Probe,
  postgres: Pick<Postgres, 'command'>,
  sql: string,
  database?: string,
): Promise<string[][]> {
  return rows(io, postgres.command('psql', psqlArgs, database), sql)
}

/** An identifier in SQL: `user` is a reserved word, so everything is quoted. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A string in SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** Names in SQL, as an array that may be empty: `= ANY (…)`. */
export function names(list: readonly string[]): string {
  return `ARRAY[${list.map(literal).join(', ')}]::name[]`
}
