import type { Context } from '../../scripts/context.ts'
import { AquaError } from '../../scripts/error.ts'
import { shown } from '../../scripts/quote.ts'
import type { ActStep, Io } from '../../scripts/step.ts'
import { type Manifest, setId } from '../manifest.ts'
import { identifier, literal, type Postgres, psqlArgs, query } from '../postgres.ts'
import { checkCounts } from './counts.ts'
import { createDatabase, fillDatabase, freshName, oldName, type Part } from './database.ts'
import { alone, clear, endWork, type Hold } from './hold.ts'
import { describe, type Leftover } from './pool.ts'
import { byteProgress, totalBytes } from './progress.ts'
import { readRest } from './rest.ts'
import { restoreSchema } from './schema.ts'
import { copyProperties, swapDatabases } from './swap.ts'
import { openWork } from './transaction.ts'

/** What the steps of one restore hand on to each other. */
export interface Job {
  postgres: Postgres
  /** For people. */
  title: string
  /** Of a set's manifest, else of the live database. */
  extensions(): Promise<Manifest['extensions']>
  /** After the check. */
  parts(): Part[]
}

const moved = (io: Io, parts: readonly Part[]) =>
  byteProgress(
    io,
    'data',
    totalBytes(
      parts.map(({ archive }) => archive),
      'plainBytes',
    ),
  )

const sectionCommand = (postgres: Postgres) => shown(postgres.command('pg_restore', ['--section=data', '-f', '-']).argv)

/** One schema, in place. */
export function schemaStep(job: Job, schema: string): ActStep {
  const { postgres } = job
  return {
    title: `restore ${schema}`,
    effect: 'destroy',
    would: [
      `${shown(postgres.command('psql', psqlArgs).argv)}, in one transaction:`,
      `  BEGIN; DROP SCHEMA ${identifier(schema)} CASCADE, and its definitions again`,
      `  the data, from ${sectionCommand(postgres)}`,
      '  indexes, keys, what leaned on the schema; rows counted; COMMIT',
    ],
    async act(io) {
      const [part] = job.parts()
      if (!part) throw new Error('nothing to restore')
      const onBytes = moved(io, [part])
      const done = await alone(io, postgres, () => restoreSchema(io, postgres, part.archive, part.definitions, onBytes))
      io.result({ schema, rows: done.rows ?? null, kept: done.types, recreated: done.saved })
      const count = done.rows === undefined ? '' : `: ${done.rows} rows, as its manifest says`
      io.done(`restore ${schema}${count}`)
    },
    onInterrupt: (io) => endWork(io, postgres),
  }
}

/** All schemas of a set into a new database, which then takes the live one's place. */
export function swapStep(ctx: Pick<Context, 'now'>, job: Job): ActStep {
  const { postgres } = job
  const live = postgres.database
  const at = setId(ctx.now())
  const names = { fresh: freshName(live, at), old: oldName(live, at), set: job.title }
  return {
    ...filling(job, names.fresh, async (io, hold) => {
      const parts = job.parts()
      const schemas = parts.map(({ archive }) => archive.schema)
      const rest = await readRest(io, postgres, schemas)
      try {
        if (rest.schemas.length > 0) io.out.note(`not in the set, carried over as they are: ${rest.schemas.join(', ')}`)
        const extensions = await job.extensions()
        const filling = { parts, extensions, rest, lenient: false }
        const { counts } = await fillDatabase(io, postgres, names.fresh, filling, moved(io, parts))
        const rows = checkCounts(counts)
        await copyProperties(io, postgres, hold.maintenance, names.fresh)
        await rest.close()
        await hold.release()
        io.progress(`swapping ${names.fresh} and ${live}`)
        await swapDatabases(io, postgres, hold.maintenance, names)
        io.result({ schemas, rows: rows ?? null, old: names.old })
        io.done(
          `restore all: ${rows ?? 'uncounted'} rows in ${schemas.length} schemas; the old database is ${names.old}`,
        )
        io.out.note('aqua restore --drop-old deletes what restores have put aside')
      } finally {
        await rest.close()
      }
    }),
    title: 'restore all schemas',
    effect: 'destroy',
    would: [
      `CREATE DATABASE ${identifier(names.fresh)}, like ${identifier(live)}`,
      `for each schema, ${sectionCommand(postgres)} into ${identifier(names.fresh)}`,
      'indexes, keys and privileges; rows counted; ANALYZE',
      `BEGIN; ALTER DATABASE ${identifier(live)} RENAME TO ${identifier(names.old)}; ALTER DATABASE ${identifier(names.fresh)} RENAME TO ${identifier(live)}; COMMIT`,
    ],
  }
}

/** Into a database of its own, which must not exist; the live one is not touched. */
export function copyStep(job: Job, into: string, single: boolean): ActStep {
  const { postgres } = job
  return {
    ...filling(job, into, async (io, hold) => {
      const parts = job.parts()
      const extensions = await job.extensions()
      const filling = { parts, extensions, lenient: single }
      const { left, counts } = await fillDatabase(io, postgres, into, filling, moved(io, parts))
      const rows = checkCounts(counts)
      const session = await openWork(io, postgres, hold.maintenance)
      await session
        .query(`COMMENT ON DATABASE ${identifier(into)} IS ${literal(`aqua: copy from ${job.title}`)}`)
        .finally(() => session.close())
      tellLeft(io, left)
      io.result({ database: into, rows: rows ?? null, leftOut: left.map(describe) })
      io.done(`copied into ${into}: ${rows ?? 'uncounted'} rows`)
    }),
    title: `copy into ${into}`,
    effect: 'write',
    would: [
      `CREATE DATABASE ${identifier(into)}, like ${identifier(postgres.database)}`,
      `for each schema, ${sectionCommand(postgres)} into ${identifier(into)}`,
    ],
  }
}

type Filled = (io: Io, hold: Hold) => Promise<void>

/** A new database, dropped again when it cannot be finished. */
function filling(job: Job, name: string, work: Filled): Pick<ActStep, 'act' | 'onInterrupt'> {
  const { postgres } = job
  let unfinished: string | undefined
  return {
    act: (io) =>
      alone(io, postgres, async (hold) => {
        const [[taken] = []] = await query(
          io,
          postgres,
          `SELECT count(*) FROM pg_database WHERE datname = ${literal(name)}`,
        )
        if (taken !== '0')
          throw new AquaError('DATABASE_EXISTS', `there is a database ${name} already`, {
            exit: 'refused',
            hint: 'name another one; nothing was changed',
          })
        const session = await openWork(io, postgres, hold.maintenance)
        unfinished = hold.maintenance
        try {
          await createDatabase(session, postgres.database, name).finally(() => session.close())
          await work(io, hold)
        } catch (error) {
          if (!io.signal.aborted)
            await clear(io, postgres, hold.maintenance, name).catch((second: unknown) =>
              io.out.warn(`${name} is left over; the next restore drops it (${second})`),
            )
          throw error
        }
        unfinished = undefined
      }),
    async onInterrupt(io) {
      await endWork(io, postgres)
      if (unfinished !== undefined) await clear(io, postgres, unfinished, name)
    },
  }
}

function tellLeft(io: Io, left: readonly Leftover[]): void {
  if (left.length === 0) return
  const lines = left.map((entry) => `${describe(entry)} (${entry.message})`)
  io.out.warn(`left out, since it refers to schemas that the copy does not have: ${lines.join(', ')}`)
}
