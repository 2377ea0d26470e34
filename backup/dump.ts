import type { Readable } from 'node:stream'
import { AquaError } from '../scripts/error.ts'
import type { Io } from '../scripts/step.ts'
import { dumpName } from './lock.ts'
import { databaseError, identifier, type Postgres } from './postgres.ts'
import { hiddenRows, lockWaitMs } from './snapshot.ts'

/** Bytes on their way into a set. The end of `readable` says nothing about success; `finished` does. */
export interface Source {
  readonly readable: Readable
  /** `readable` is a running program's output, of which nothing has been read: another program can read it in our place. */
  readonly ofProgram?: true
  /** Resolves when the bytes are complete, rejects with the reason when they are not. Has a handler: may be left unawaited. */
  readonly finished: Promise<void>
  /** End the producer early. */
  stop(): void
}

/** The dump of one schema: custom format, uncompressed. `-n` takes a pattern; a quoted one is a name to the letter. */
export function dumpCommand(
  postgres: Pick<Postgres, 'command'>,
  schema: string,
  snapshot: string,
  set: string,
): ReturnType<Postgres['command']> {
  const { argv, env } = postgres.command('pg_dump', [
    ...['-Fc', '-Z0', '-w', '--strict-names', `--lock-wait-timeout=${lockWaitMs}`],
    ...[`--snapshot=${snapshot}`, '-n', identifier(schema)],
  ])
  return { argv, env: { ...env, PGAPPNAME: dumpName(set) } }
}

/** pg_dump at work. */
export function startDump(
  io: Pick<Io, 'stream'>,
  postgres: Pick<Postgres, 'command'>,
  schema: string,
  snapshot: string,
  set: string,
): Source {
  const { argv, env } = dumpCommand(postgres, schema, snapshot, set)
  const command = io.stream(argv, { env })
  const finished = command.ended.then(({ code, stderr }) => {
    if (code !== 0) throw dumpError(schema, code, stderr)
  })
  finished.catch(() => {})
  return { readable: command.stdout, ofProgram: true, finished, stop: () => command.kill() }
}

/** Why a dump failed: pg_dump's own words, and what to do about the reasons that are known. */
export function dumpError(schema: string, code: number | null, stderr: string): AquaError {
  if (code === 127 || /executable file not found/.test(stderr))
    return new AquaError('CLIENT_MISSING', 'pg_dump is not installed', { exit: 'missing', hint: 'aqua doctor' })
  const how = code === null ? 'was killed' : `exited with ${code}`
  const said = stderr.trim() === '' ? undefined : databaseError(stderr)
  return new AquaError('DUMP_FAILED', `pg_dump of schema ${schema} ${how}`, {
    details: said ? [said.message, ...said.details].slice(0, 20) : [],
    hint: hiddenRows(stderr) ?? 'run the same task with --verbose to see everything it printed',
  })
}
