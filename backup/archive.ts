import { type Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AquaError, isAquaError } from '../scripts/error.ts'
import type { Secret } from '../scripts/secret.ts'
import type { CommandResult, Io } from '../scripts/step.ts'
import { decryptor } from './age/decrypt.ts'
import { decompressor } from './codec/compress.ts'
import { HeldBack } from './heldback.ts'
import type { Compression, Measure } from './manifest.ts'
import { Counter, Meter } from './measure.ts'
import type { Postgres } from './postgres.ts'
import { TarCheck, TextCheck } from './readers.ts'
import type { Store } from './store/store.ts'

/** A stored file, and what the manifest says of it; a file from before manifests has only its name. */
export interface Packed {
  store: Store
  name: string
  compression: Compression
  encrypted: boolean
  stored?: Measure
  compressed?: Measure
  plainBytes?: number
}

/**
 * The plain bytes of a file: fetched, decrypted, decompressed. Its end comes when every check has passed (lengths, both SHA-256, age's last
 * chunk, gzip's CRC); until then the bytes that came are not proven. Fails with ARCHIVE_DAMAGED, naming the file and
 * what is wrong, or with the store's own error. `onBytes` hears how many stored bytes have been read.
 */
export async function openArchive(
  io: Pick<Io, 'stream'>,
  file: Packed,
  identities: () => Promise<readonly Secret[]>,
  onBytes: (stored: number) => void = () => {},
): Promise<Readable> {
  const stop = new AbortController()
  const decrypt = file.encrypted ? await decryptor(await identities()) : undefined
  const source = await file.store.read(file.name, stop.signal)
  const [stored, compressed, plain] = [new Meter(onBytes), new Meter(), new Counter()]
  const out = new HeldBack(() => stop.abort())
  const unpack = [...(decrypt ? [decrypt, compressed] : []), decompressor(io, file.compression), plain]
  pipeline([source, stored, ...unpack, out.sink], { signal: stop.signal })
    .then(() => {
      compare(file.stored, stored.measure(), 'as stored')
      compare(file.compressed, decrypt ? compressed.measure() : stored.measure(), 'before encryption')
      if (file.plainBytes !== undefined && file.plainBytes !== plain.bytes)
        throw new Error(`it unpacks to ${plain.bytes} bytes instead of ${file.plainBytes}`)
      out.push(null)
    })
    .catch((error: Error) => out.destroy(damage(file, error)))
  return out
}

function compare(wanted: Measure | undefined, found: Measure, what: string): void {
  if (wanted === undefined) return
  if (wanted.bytes !== found.bytes) throw new Error(`${found.bytes} bytes ${what} instead of ${wanted.bytes}`)
  if (wanted.sha256 !== found.sha256) throw new Error(`another SHA-256 ${what} than the manifest has`)
}

/** Errors that say what to do pass; everything else met on the way through an archive is damage. */
export function damage(file: Pick<Packed, 'name' | 'store'>, error: Error): AquaError {
  if (isAquaError(error)) return error
  return new AquaError('ARCHIVE_DAMAGED', `${file.name} in ${file.store.where} is damaged: ${error.message}`, {
    exit: 'problems',
    hint: 'take another set; aqua backup verify checks them all',
    cause: error,
  })
}

/**
 * Read every byte of a file and see that it is what its name says: a dump that pg_restore can turn into SQL, a tar archive, a text.
 * Fails as openArchive does, or with ARCHIVE_DAMAGED and the reader's own words.
 */
export async function checkArchive(
  io: Pick<Io, 'stream'>,
  postgres: Pick<Postgres, 'command'>,
  file: Packed,
  identities: () => Promise<readonly Secret[]>,
  onBytes?: (stored: number) => void,
): Promise<void> {
  const archive = await openArchive(io, file, identities, onBytes)
  const inner = file.name.replace(/\.age$/, '').replace(/\.(gz|zst)$/, '')
  if (inner.endsWith('.dump')) return checkDump(io, postgres, file, archive)
  const reader = inner.endsWith('.tar') ? new TarCheck() : new TextCheck()
  await pipeline(archive, reader).catch((error: Error) => {
    throw damage(file, error)
  })
}

/** To the end of the archive in any case: pg_restore may have read enough before the checksums have been seen. */
async function checkDump(
  io: Pick<Io, 'stream'>,
  postgres: Pick<Postgres, 'command'>,
  file: Packed,
  archive: NodeJS.ReadableStream,
): Promise<void> {
  const { argv, env } = postgres.command('pg_restore', ['-f', '/dev/null'])
  const restore = io.stream(argv, { env })
  restore.stdout.resume()
  const feed = new Writable({
    write: (chunk: Buffer, _encoding, done) => void restore.stdin.write(chunk, () => done()),
  })
  try {
    await pipeline(archive, feed)
    restore.stdin.end()
  } catch (error) {
    restore.kill()
    await restore.ended
    throw error
  }
  const result = await restore.ended
  if (result.code !== 0) throw unreadable(file, result)
}

function unreadable(file: Packed, { code, stderr }: CommandResult): AquaError {
  const said = stderr.trim().split('\n').filter(Boolean)
  const first = said[0]?.replace(/^pg_restore: (error: )?/, '') ?? `exit code ${code}`
  if (code === 127)
    return new AquaError('CLIENT_MISSING', 'pg_restore is not installed', {
      exit: 'missing',
      hint: 'install the PostgreSQL client, or start the stack and use the one in its container',
    })
  if (/unsupported version/.test(stderr))
    return new AquaError('CLIENT_OLDER', `pg_restore is older than the pg_dump that wrote ${file.name}`, {
      exit: 'missing',
      hint: 'use the client programs of the version that took the backup',
      details: said,
    })
  const error = damage(file, new Error(`pg_restore says: ${first}`))
  return new AquaError(error.code, error.message, {
    exit: 'problems',
    details: said.slice(1, 10),
    hint: error.hint ?? '',
  })
}
