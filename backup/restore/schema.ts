import { AquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
import { identifier, literal, type Postgres } from '../postgres.ts'
import type { Session } from '../session.ts'
import type { Archive } from './archive.ts'
import { checkCounts, countRows } from './counts.ts'
import { type Dependents, dependentsOf, lostSql, noteSql, refreshes, sameDependents } from './dependents.ts'
import { type Entry, readScript, type Script } from './entries.ts'
import { orphanError } from './orphans.ts'
import { leftoverError, mayWait, orphaned, runEntries } from './pool.ts'
import { copyData } from './sections.ts'
import { limitLocks, lockError, openWork } from './transaction.ts'
import { keptTypes, returning, shelter, shelterSql } from './types.ts'

/** What an archive holds besides its data. */
export interface Definitions {
  before: Script
  after: Script
}

/**
 * Replace one schema of the live database, in one transaction: whoever reads sees the old one until the last moment, and any
 * failure, of whatever part, leaves the old one. Committed only when the archive has proven whole and the rows are those that
 * its manifest counted.
 */
export async function restoreSchema(
  io: Io,
  postgres: Postgres,
  archive: Archive,
  definitions: Definitions,
  onBytes: (count: number) => void,
): Promise<{ types: string[]; saved: string[]; rows: number | undefined }> {
  const session = await openWork(io, postgres)
  try {
    const { schema } = archive
    const there = await exists(session, schema)
    const plan = there ? await prepare(io, postgres, session, schema, definitions) : nothing
    await session.query('BEGIN')
    if (there) await removeSchema(session, schema, plan)
    io.progress('tables, types and functions')
    const entries = [...returning(schema, definitions.before.entries, plan.kept), ...plan.views]
    const header = { name: '', type: 'SET', schema: '-', sql: definitions.before.header }
    const waiting = await runEntries(session, [header, ...entries])
    if (!waiting.every(mayWait)) throw leftoverError(waiting)
    if (plan.kept.size > 0) await session.query(`DROP SCHEMA ${identifier(shelter)}`)
    await copyData(io, postgres, archive, session, onBytes)
    await session.query(limitLocks)
    io.progress('indexes, keys and what leans on the schema')
    const rest = [...waiting, ...definitions.after.entries, ...plan.dependents.saved, ...refreshes(plan.dependents)]
    const left = await runEntries(session, rest)
    if (left.length > 0) {
      const orphans = orphaned(left)
      throw orphans.length > 0 ? await orphanError(session, orphans, schema) : leftoverError(left)
    }
    const rows = checkCounts(await countRows(session, [archive]))
    await session.query('SET CONSTRAINTS ALL IMMEDIATE')
    await commit(session)
    await session
      .query(analyzeSql(schema))
      .catch((error: unknown) => io.out.warn(`the planner's statistics are not up to date: ${error}`))
    const again = [...plan.dependents.saved.filter(({ type }) => type !== 'COMMENT'), ...plan.dependents.views]
    const names = again.map((one) => `${one.schema}.${one.name}`)
    return { types: [...plan.kept.keys()], saved: names, rows }
  } catch (error) {
    throw await lockError(io, postgres, archive.schema, error)
  } finally {
    await session.close()
  }
}

/** Whether that could be done, without doing any of it. */
export async function checkSchema(
  io: Io,
  postgres: Postgres,
  part: { archive: Archive; definitions: Definitions },
): Promise<void> {
  const session = await openWork(io, postgres)
  try {
    const { schema } = part.archive
    if (await exists(session, schema)) await prepare(io, postgres, session, schema, part.definitions)
  } finally {
    await session.close()
  }
}

async function exists(session: Session, schema: string): Promise<boolean> {
  const rows = await session.query(`SELECT 1 FROM pg_namespace WHERE nspname = ${literal(schema)}`)
  return rows.length > 0
}

async function commit(session: Session): Promise<void> {
  await session.query('COMMIT').catch((error: unknown) => {
    throw new AquaError('COMMIT_UNKNOWN', 'the connection ended while the restore was being committed', {
      hint: 'look at the data: it is wholly the old or wholly the new one',
      cause: error,
    })
  })
}

function analyzeSql(schema: string): string {
  return `DO $aqua$ DECLARE name text; BEGIN
  FOR name IN SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ${literal(schema)} AND c.relkind IN ('r', 'm')
  LOOP EXECUTE 'ANALYZE ' || name; END LOOP;
END $aqua$`
}

interface Plan {
  dependents: Dependents
  kept: Map<string, { oid: string; domain: boolean }>
  /** Views of other schemas, with all that belongs to them, as pg_dump writes it. */
  views: Entry[]
}

const nothing: Plan = {
  dependents: { saved: [], views: [], obstacles: [], notKept: [] },
  kept: new Map(),
  views: [],
}

/** Before anything is touched: what leans on the schema, whether it can be saved, and how it is made again. */
async function prepare(
  io: Io,
  postgres: Postgres,
  session: Session,
  schema: string,
  definitions: Definitions,
): Promise<Plan> {
  const now = await dumpDefinitions(io, postgres, ['-n', identifier(schema)])
  const kept = await keptTypes(session, schema, now.entries, definitions.before.entries)
  let dependents: Dependents
  for (;;) {
    dependents = await dependentsOf(session, schema, oids(kept))
    if (dependents.notKept.length === 0) break
    for (const [name, { oid }] of kept) if (dependents.notKept.includes(oid)) kept.delete(name)
  }
  if (dependents.obstacles.length > 0)
    throw new AquaError('IN_THE_WAY', `${schema} cannot be replaced alone: other schemas hold on to it`, {
      exit: 'refused',
      details: dependents.obstacles,
      hint: 'nothing was changed; restore all schemas of one set: aqua restore all <set>',
    })
  if (dependents.views.length === 0) return { dependents, kept, views: [] }
  const tables = dependents.views.flatMap((view) => ['-t', `${identifier(view.schema)}.${identifier(view.name)}`])
  const { entries } = await dumpDefinitions(io, postgres, tables)
  return { dependents, kept, views: entries }
}

async function dumpDefinitions(io: Io, postgres: Postgres, which: readonly string[]): Promise<Script> {
  const { argv, env } = postgres.command('pg_dump', ['-s', '--strict-names', '--lock-wait-timeout=10000', ...which])
  const { stdout } = await io.run(argv, {
    env,
    explain: (result) =>
      /lock timeout/.test(result.stderr)
        ? new AquaError('LOCKED_OUT', 'canceling statement due to lock timeout')
        : undefined,
  })
  return readScript(stdout)
}

function oids(kept: Plan['kept']): string[] {
  return [...kept.values()].map(({ oid }) => oid)
}

/** Lock, look again, put the types aside, drop. What leans on the schema goes as well, and nothing else may. */
async function removeSchema(session: Session, schema: string, plan: Plan): Promise<void> {
  await session.query(`DO $aqua$ DECLARE name text; BEGIN
  FOR name IN SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ${literal(schema)} AND c.relkind IN ('r', 'p') ORDER BY c.oid
  LOOP EXECUTE 'LOCK TABLE ' || name || ' IN ACCESS EXCLUSIVE MODE'; END LOOP;
END $aqua$`)
  const keep = oids(plan.kept)
  if (!sameDependents(plan.dependents, await dependentsOf(session, schema, keep)))
    throw new AquaError('CHANGED', `somebody changed definitions around ${schema} in the meantime`, {
      hint: 'nothing was changed; try again',
    })
  await session.query(noteSql(schema, keep))
  if (keep.length > 0) await session.query(shelterSql(schema, plan.kept))
  await session.query(`DROP SCHEMA ${identifier(schema)} CASCADE`)
  const lost = await session.query(lostSql)
  if (lost.length > 0)
    throw new AquaError('IN_THE_WAY', `dropping ${schema} would take more with it than can be made again`, {
      exit: 'refused',
      details: lost.map(([what = '']) => what),
      hint: 'nothing was changed; restore all schemas of one set: aqua restore all <set>',
    })
}
