import type { Io } from '../../scripts/step.ts'
import { identifier, type Postgres } from '../postgres.ts'
import type { Session } from '../session.ts'
import { readScript, type Script, schemasOf } from './entries.ts'
import { dumpError } from './sections.ts'
import { openWork } from './transaction.ts'

/**
 * What the live database has besides the schemas that are restored: other schemas with their data, extensions, event
 * triggers, publications, privileges that hold for all schemas. No set holds it, and it must not be lost with the swap.
 */
export interface Rest {
  before: Script
  after: Script
  /** Other schemas that are carried over as they are now. */
  schemas: string[]
  copy(into: Session): Promise<void>
  close(): Promise<void>
}

/** Read at one moment, which stays open until `close`. */
export async function readRest(io: Io, postgres: Postgres, without: readonly string[]): Promise<Rest> {
  const session = await openWork(io, postgres)
  try {
    await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const [[snapshot = ''] = []] = await session.query('SELECT pg_export_snapshot()')
    const args = (section: string) => [
      `--section=${section}`,
      `--snapshot=${snapshot}`,
      '--lock-wait-timeout=10000',
      '--no-subscriptions',
      ...without.flatMap((schema) => ['-N', identifier(schema)]),
    ]
    const read = async (section: string) => {
      const { argv, env } = postgres.command('pg_dump', args(section))
      return readScript((await io.run(argv, { env })).stdout)
    }
    const before = await read('pre-data')
    const after = await read('post-data')
    const copy = async (into: Session) => {
      const { argv, env } = postgres.command('pg_dump', args('data'))
      const command = io.stream(argv, { env })
      command.stdin.end()
      const ended = command.ended.then((result) => {
        if (result.code !== 0) throw dumpError(result)
      })
      const all = [ended, into.feed(command.stdout).finally(() => command.kill())]
      await Promise.all(all).finally(() => Promise.allSettled(all))
    }
    return { before, after, schemas: schemasOf(before.entries), copy, close: () => session.close() }
  } catch (error) {
    await session.close()
    throw error
  }
}
