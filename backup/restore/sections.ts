import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { AquaError } from '../../scripts/error.ts'
import type { CommandResult, Io, StreamingCommand } from '../../scripts/step.ts'
import type { Postgres } from '../postgres.ts'
import type { Session } from '../session.ts'
import type { Archive } from './archive.ts'
import { readScript, type Script } from './entries.ts'

type Section = 'pre-data' | 'post-data'
type Stream = Pick<Io, 'stream'>

/** The definitions of one section as SQL. Reads the archive's head only: that is where definitions are. */
export async function readSection(
  io: Stream,
  postgres: Pick<Postgres, 'command'>,
  archive: Archive,
  section: Section,
): Promise<Script> {
  const { argv, env } = postgres.command('pg_restore', [`--section=${section}`, '-f', '-'])
  const source = await archive.open()
  const command = io.stream(argv, { env })
  source.on('error', () => command.stdin.destroy())
  source.pipe(command.stdin)
  const chunks: Buffer[] = []
  for await (const chunk of command.stdout) chunks.push(chunk as Buffer)
  const result = await command.ended
  // It ends without having read the data; so does the source.
  source.destroy()
  if (result.code !== 0) throw source.errored ?? archiveError(archive, result)
  return readScript(Buffer.concat(chunks).toString('utf8'))
}

/** pg_restore's word on an archive it cannot read. */
export function archiveError(archive: Pick<Archive, 'name'>, result: CommandResult): AquaError {
  const said = result.stderr.trim().split('\n')
  const [, version] = /unsupported version \(([\d.]+)\) in file header/.exec(result.stderr) ?? []
  if (version)
    return new AquaError(
      'ARCHIVE_NEWER',
      `${archive.name} was written by a newer pg_dump (archive format ${version})`,
      {
        exit: 'missing',
        hint: 'restore it with the PostgreSQL version that wrote it, or a newer one',
      },
    )
  const last = said.findLast((line) => /error:/.test(line)) ?? said.at(-1) ?? ''
  return new AquaError('ARCHIVE_DAMAGED', `${archive.name} cannot be read: ${last.replace(/^.*error:\s+/, '')}`, {
    exit: 'problems',
    details: said.slice(-5),
  })
}

/** pg_dump's word on why it stopped. */
export function dumpError(result: CommandResult): AquaError {
  const said = result.stderr.trim().split('\n')
  const first = said.find((line) => /error:/.test(line)) ?? said[0] ?? `exit code ${result.code}`
  return new AquaError('DUMP_FAILED', `pg_dump failed: ${first.replace(/^.*?error:\s+/, '')}`, {
    details: said.slice(1, 6),
  })
}

/**
 * The data of an archive into a connection: archive → pg_restore → psql. Resolves only when the archive's own checks have
 * passed to its last byte and pg_restore has ended well, so that a commit after it commits nothing unproven.
 */
export async function copyData(
  io: Stream,
  postgres: Pick<Postgres, 'command'>,
  archive: Archive,
  session: Session,
  onBytes: (count: number) => void,
): Promise<void> {
  const { argv, env } = postgres.command('pg_restore', ['--section=data', '-f', '-'])
  const source = await archive.open()
  const command = io.stream(argv, { env })
  const proven = pour(source, command, onBytes)
  // The first failure ends the others, or they would wait for each other.
  const fed = session.feed(command.stdout).catch((error: unknown) => {
    command.kill()
    source.destroy()
    throw error
  })
  const ended = command.ended.then((result) => {
    if (result.code !== 0) throw archiveError(archive, result)
  })
  const all = [proven, fed, ended]
  try {
    await Promise.all(all)
  } finally {
    await Promise.allSettled(all)
  }
}

/** Every byte of the source is read, also those that pg_restore does not ask for: the checks come at the end. */
async function pour(source: Readable, command: StreamingCommand, onBytes: (count: number) => void): Promise<void> {
  const { stdin } = command
  try {
    for await (const chunk of source) {
      onBytes((chunk as Buffer).length)
      if (stdin.writable && !stdin.write(chunk))
        await Promise.race([once(stdin, 'drain').catch(() => {}), command.ended])
    }
  } catch (error) {
    command.kill()
    throw error
  }
  stdin.end()
}
