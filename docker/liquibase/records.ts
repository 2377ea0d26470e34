import { AquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
import type { Stage } from '../../scripts/task.ts'
import type { Stack } from '../engine.ts'
import { containersOf, serviceOf } from '../inspect.ts'
import type { Service } from '../services.ts'
import type { ChangeSet } from './changesets.ts'

/** PostgreSQL of a running stack, reached over the container's own socket: no password travels. */
export interface Database {
  docker: string
  container: string
  name: string
  stage: Stage
}

/** A row of DATABASECHANGELOG. */
export interface Applied extends ChangeSet {
  /** In the time of the session that wrote it, which is UTC for every container. */
  at: string
  order: number
  /** EXECUTED, RERAN, MARK_RAN … */
  result: string
  checksum: string | null
  tag: string | null
  deployment: string | null
}

/** The row of DATABASECHANGELOGLOCK while somebody holds it. */
export interface Lock {
  /** Host name and address, as the holder wrote them. */
  by: string
  /** As `Applied.at`. */
  since: string
}

/** What a service's schema says of its migrations. */
export interface Records {
  service: Service
  /** False: the schema does not exist. */
  schema: boolean
  /** False: no migration ever ran here. */
  recorded: boolean
  applied: Applied[]
  lock: Lock | undefined
}

export async function findDatabase(io: Pick<Io, 'probe'>, stack: Stack): Promise<Database> {
  const { docker, project, stage, env } = stack
  const found = (await containersOf(io, docker, project)).find((container) => serviceOf(container) === 'postgres')
  if (found?.State.Status === 'running') return { docker, container: found.Id, name: String(env.POSTGRES_DB), stage }
  throw new AquaError('NOT_RUNNING', `postgres of ${project} is not running`, { hint: `aqua up ${stage}` })
}

const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`
const time = (column: string) => `to_char(${column}, 'YYYY-MM-DD HH24:MI:SS')`

/** One JSON object per line, so that no text in a table can be taken for a separator. */
function script(service: Service): string {
  const schema = identifier(service.schema ?? '')
  const changes = `${schema}.databasechangelog`
  const locks = `${schema}.databasechangeloglock`
  return `
select to_regnamespace(${literal(schema)}) is not null as has_schema, to_regclass(${literal(changes)}) is not null as has_changes,
  to_regclass(${literal(locks)}) is not null as has_locks \\gset
select json_build_object('service', ${literal(service.name)}, 'schema', :'has_schema' = 't', 'recorded', :'has_changes' = 't');
\\if :has_changes
select json_build_object('service', ${literal(service.name)}, 'applied', json_build_object('id', id, 'author', author,
  'file', filename, 'at', ${time('dateexecuted')}, 'order', orderexecuted, 'result', exectype, 'checksum', md5sum,
  'tag', tag, 'deployment', deployment_id)) from ${changes} order by orderexecuted, dateexecuted;
\\endif
\\if :has_locks
select json_build_object('service', ${literal(service.name)}, 'lock', json_build_object('by', coalesce(lockedby, 'somebody'),
  'since', coalesce(${time('lockgranted')}, 'an unknown time'))) from ${locks} where locked;
\\endif
`
}

type Line = { service: string } & ({ schema: boolean; recorded: boolean } | { applied: Applied } | { lock: Lock })

/** Read what the schemas of `services` record, in one session, without a JVM. */
export async function readRecords(
  io: Pick<Io, 'probe'>,
  database: Database,
  services: readonly Service[],
): Promise<Records[]> {
  const said = await query(io, database, services.map(script).join(''))
  const lines = said.map((line) => JSON.parse(line) as Line)
  return services.map((service) => {
    const own = lines.filter((line) => line.service === service.name)
    const head = own.find((line) => 'schema' in line)
    return {
      service,
      schema: head?.schema === true,
      recorded: head?.recorded === true,
      applied: own.flatMap((line) => ('applied' in line ? [line.applied] : [])),
      lock: own.flatMap((line) => ('lock' in line ? [line.lock] : []))[0],
    }
  })
}

/** As `readRecords`; an error names every schema that does not exist. */
export async function requireSchemas(
  io: Pick<Io, 'probe'>,
  database: Database,
  services: readonly Service[],
): Promise<Records[]> {
  const records = await readRecords(io, database, services)
  const missing = records.filter(({ schema }) => !schema).map(({ service }) => service.schema)
  if (missing.length === 0) return records
  const many = missing.length > 1
  throw new AquaError(
    'SCHEMA_MISSING',
    `schema${many ? 's' : ''} ${missing.join(', ')} ${many ? 'do' : 'does'} not exist`,
    {
      hint: `aqua db roles${database.stage === 'dev' ? '' : ` ${database.stage}`}`,
    },
  )
}

/** Free the lock if the same holder still has it; returns whether it did. */
export async function releaseLock(
  io: Pick<Io, 'probe'>,
  database: Database,
  service: Service,
  holder: string,
): Promise<boolean> {
  const released = await query(
    io,
    database,
    `update ${identifier(service.schema ?? '')}.databasechangeloglock set locked = false, lockgranted = null, lockedby = null
     where locked and coalesce(lockedby, 'somebody') = ${literal(holder)} returning id;`,
  )
  return released.length > 0
}

/** What a container that is gone left in the database: its session, and the lock it took. */
export async function releaseSession(
  io: Pick<Io, 'probe'>,
  database: Database,
  service: Service,
  name: string,
): Promise<void> {
  await query(
    io,
    database,
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${literal(name)};`,
  )
  const [records] = await readRecords(io, database, [service])
  if (records?.lock?.by.startsWith(`${name} `)) await releaseLock(io, database, service, records.lock.by)
}

async function query(io: Pick<Io, 'probe'>, { docker, container, name }: Database, sql: string): Promise<string[]> {
  const psql = 'exec psql -XqAt -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$1"'
  const result = await io.probe([docker, 'exec', '-i', container, 'sh', '-c', psql, 'psql', name], { input: sql })
  if (result.code !== 0)
    throw new AquaError('DATABASE', `the database does not answer: ${result.stderr.trim().split('\n')[0] ?? ''}`, {
      details: result.stderr.trim().split('\n').slice(1),
      hint: 'aqua logs postgres',
    })
  return result.stdout.split('\n').filter((line) => line !== '')
}
