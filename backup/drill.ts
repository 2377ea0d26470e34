import { services } from '../docker/services.ts'
import { loadStack } from '../docker/stack.ts'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import type { ActStep, Io, Step } from '../scripts/step.ts'
import { table } from '../scripts/table.ts'
import type { Stage } from '../scripts/task.ts'
import { identifier, literal, type Postgres, query } from './postgres.ts'
import { reportOutcome } from './report.ts'
import type { Count } from './restore/counts.ts'
import { fillDatabase, type Part } from './restore/database.ts'
import { checkMagic } from './restore/magic.ts'
import { archivesOf, identitiesOf } from './restore/plan.ts'
import { describe } from './restore/pool.ts'
import { missingRoles, readParts, refuseMissingExtensions } from './restore/preflight.ts'
import { byteProgress, totalBytes } from './restore/progress.ts'
import { readRoles } from './restore/roles.ts'
import { findSource, type Source } from './restore/source.ts'
import type { Store } from './store/store.ts'
import { removeThrowaway, startThrowaway, sweepThrowaways, throwawayName } from './throwaway.ts'

export interface DrillOptions {
  stage: Stage
  /** A set's id or label, or `latest`. */
  wanted: string
  from: Store['kind'] | undefined
  identity: string | undefined
}

/** What a schema came to. */
interface Finding {
  schema: string
  tables: number
  rows: number
  foreignKeys: number
  views: number
  /** Tables, keys, views that are not as they should be. */
  wrong: string[]
}

/** Restore a set for real, where nothing depends on it, and compare. */
export async function drillSteps(ctx: Context, options: DrillOptions): Promise<Step[]> {
  const { stack, loaded } = await loadStack(ctx, options.stage, { fileOptional: true })
  const source = await findSource(ctx, loaded, { ...options, schema: 'all' })
  const identities = identitiesOf(ctx, loaded, options.identity)
  const name = throwawayName()
  const { docker } = stack
  const step: ActStep = {
    title: `drill of ${source.title}`,
    effect: 'write',
    would: [
      `${docker} run --name ${name} --network none ${stack.env.POSTGRES_IMAGE}`,
      ...source.files.map(({ packed }) => `restore ${packed.name} into it`),
      'compare rows per table with the manifest, foreign keys and views with the archives',
      `${docker} rm --force --volumes ${name}`,
    ],
    async act(io) {
      const from = performance.now()
      const report = (ok: boolean, error?: string) =>
        reportOutcome(io, ctx, loaded, {
          task: 'backup drill',
          ok,
          seconds: (performance.now() - from) / 1000,
          ...(source.manifest ? { set: source.manifest.id } : {}),
          ...(error === undefined ? {} : { error }),
        })
      try {
        await sweepThrowaways(io, docker)
        io.progress('starting a PostgreSQL of its own')
        const { postgres } = await startThrowaway(io, stack, name)
        const findings = await restoreInto(io, postgres, source, identities)
        tell(io, source, findings)
        refuseDifferences(source, findings)
        await report(true)
        io.done(`drill of ${source.title}: restored, nothing differs`)
      } catch (error) {
        if (!io.signal.aborted) await report(false, error instanceof Error ? error.message : String(error))
        throw error
      } finally {
        if (!io.signal.aborted) await removeThrowaway(io, docker, name)
      }
    },
    onInterrupt: (io) => removeThrowaway(io, docker, name),
  }
  return [step]
}

type Identities = ReturnType<typeof identitiesOf>

async function restoreInto(io: Io, postgres: Postgres, source: Source, identities: Identities): Promise<Finding[]> {
  for (const { packed } of source.files) await checkMagic(packed)
  const archives = archivesOf(io, postgres, source, identities)
  const parts = await readParts(
    io,
    postgres,
    archives,
    byteProgress(io, 'reading', totalBytes(archives, 'storedBytes')),
  )
  if (source.roles) await query(io, postgres, await readRoles(io, source.roles, identities))
  // Old-style files bring no roles: that a name exists is enough here.
  const missing = source.roles ? [] : await missingRoles(io, postgres, parts)
  for (const role of missing) await query(io, postgres, `CREATE ROLE ${identifier(role)}`)
  const extensions = source.manifest?.extensions ?? []
  await refuseMissingExtensions(io, postgres, extensions)
  const held = parts.map(({ archive }) => archive.schema)
  const whole = services.every(({ schema }) => schema === undefined || held.includes(schema))
  const filling = { parts, extensions, lenient: !whole }
  const onBytes = byteProgress(io, 'data', totalBytes(archives, 'plainBytes'))
  const { left, counts } = await fillDatabase(io, postgres, postgres.database, filling, onBytes)
  if (left.length > 0) io.out.note(`not in the set, so left out: ${left.map(describe).join(', ')}`)
  const found = await structures(io, postgres, held)
  const out = (schema: string, type: RegExp) =>
    left.filter((entry) => entry.schema === schema && type.test(entry.type)).length
  return parts.map((part) => findingOf(part, counts, found, out))
}

const fk = /^FK CONSTRAINT$/
const view = /^(MATERIALIZED )?VIEW$/

/** How many foreign keys and views an archive makes. A view that waits for a key is written twice under one name. */
function expected({ definitions: { before, after } }: Part, type: RegExp): number {
  return new Set([...before.entries, ...after.entries].filter((entry) => type.test(entry.type)).map(({ name }) => name))
    .size
}

function findingOf(
  part: Part,
  counts: readonly Count[],
  found: ReadonlyMap<string, { foreignKeys: number; views: number }>,
  out: (schema: string, type: RegExp) => number,
): Finding {
  const { schema } = part.archive
  const own = counts.filter((count) => count.schema === schema)
  const { foreignKeys = 0, views = 0 } = found.get(schema) ?? {}
  const wrong = own
    .filter((count) => count.found !== count.expected)
    .map((count) => `${count.table}: ${count.found ?? 'no table'} rows instead of ${count.expected}`)
  const compare = (what: string, is: number, type: RegExp) => {
    const wanted = expected(part, type) - out(schema, type)
    if (is !== wanted) wrong.push(`${schema}: ${is} ${what} instead of ${wanted}`)
  }
  compare('foreign keys', foreignKeys, fk)
  compare('views', views, view)
  return {
    schema,
    tables: own.length,
    rows: own.reduce((sum, one) => sum + (one.found ?? 0), 0),
    foreignKeys,
    views,
    wrong,
  }
}

async function structures(io: Io, postgres: Postgres, schemas: readonly string[]) {
  const rows = await query(
    io,
    postgres,
    `SELECT nspname, (SELECT count(*) FROM pg_constraint WHERE connamespace = n.oid AND contype = 'f' AND conparentid = 0),
  (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid AND relkind IN ('v', 'm'))
FROM pg_namespace n WHERE nspname IN (${schemas.map(literal).join(', ')})`,
  )
  return new Map(
    rows.map(([schema = '', keys, views]) => [schema, { foreignKeys: Number(keys), views: Number(views) }]),
  )
}

function tell(io: Io, source: Source, findings: readonly Finding[]): void {
  io.result({ set: source.manifest?.id ?? null, source: source.title, schemas: findings })
  const rows = findings.map((one) => ({
    schema: one.schema,
    tables: String(one.tables),
    rows: String(one.rows),
    'foreign keys': String(one.foreignKeys),
    views: String(one.views),
    result: one.wrong.length === 0 ? 'as it should be' : 'differs',
  }))
  for (const line of table(rows)) io.out.print(line)
}

function refuseDifferences(source: Source, findings: readonly Finding[]): void {
  const wrong = findings.flatMap((one) => one.wrong)
  if (wrong.length === 0) return
  throw new AquaError('DRILL_DIFFERS', `what comes out of ${source.title} is not what went in`, {
    exit: 'problems',
    details: wrong.slice(0, 20),
    hint: 'aqua backup makes a new set; keep this one to find out why',
  })
}
