import { type Duplex, type Readable, Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Io } from '../scripts/step.ts'
import { encryptor } from './age/encrypt.ts'
import { compressor } from './codec/compress.ts'
import { zstdOf } from './codec/zstd.ts'
import type { Destinations } from './destinations.ts'
import type { Source } from './dump.ts'
import { type Compression, fileName, type ManifestFile } from './manifest.ts'
import { Meter } from './measure.ts'
import type { Store, Upload } from './store/store.ts'

export interface Packing {
  compression: Compression
  /** None: not encrypted. */
  recipients: readonly string[]
}

type Done = (error?: Error | null) => void

/**
 * One file of a set, in one pass: source → compressor → age → every store, at the pace of the slowest. Nothing lies on a disk on
 * the way. The file appears under its name only when the source has said that it is whole; whatever fails before leaves nothing.
 */
export async function storeFile(
  io: Pick<Io, 'stream' | 'signal'>,
  start: () => Source,
  file: Pick<ManifestFile, 'kind' | 'subject'> & { id: string },
  packing: Packing,
  destinations: Destinations,
  onBytes: (bytes: number) => void,
): Promise<ManifestFile> {
  const encrypted = packing.recipients.length > 0
  const name = fileName(file.kind, file.subject, file.id, packing.compression, encrypted)
  const uploads = new Map<Store, Upload>()
  let source: Source | undefined
  let whole = false
  try {
    await destinations.each(async (store) => {
      uploads.set(store, await store.create(name))
    })
    const sealer = encrypted ? [await encryptor(packing.recipients)] : []
    source = start()
    const packed = compress(io, source, packing.compression, onBytes)
    const compressed = new Meter()
    const stored = encrypted ? new Meter() : compressed
    const sealed = [...sealer, ...(encrypted ? [stored] : [])]
    const sink = new FanOut(destinations, uploads)
    await pipeline([...packed.streams, compressed, ...sealed, sink], { signal: io.signal })
    await destinations.each(async (store) => {
      await uploads.get(store)?.commit()
      destinations.made(store, name)
    })
    whole = true
    return {
      name,
      kind: file.kind,
      subject: file.subject,
      compression: packing.compression,
      encrypted,
      plainBytes: packed.plainBytes(),
      compressed: compressed.measure(),
      stored: stored.measure(),
    }
  } finally {
    if (!whole) source?.stop()
    // Also in a store that failed while the other went on.
    const lost = [...uploads].filter(([store]) => !whole || destinations.failures.has(store))
    await Promise.allSettled(lost.map(([, upload]) => upload.abort()))
  }
}

/**
 * A source through its compressor. The end comes when everybody has done his work; `onBytes` is told what has passed here, plain
 * or, where zstd reads from the source itself, compressed.
 */
function compress(
  io: Pick<Io, 'stream'>,
  source: Source,
  method: Compression,
  onBytes: (bytes: number) => void,
): { streams: [Readable, ...Duplex[]]; plainBytes(): number } {
  const zstd = method === 'zstd' && source.ofProgram ? zstdOf(io, source.readable) : undefined
  const held = new HeldBack(source.finished, onBytes)
  return zstd
    ? { streams: [zstd.readable, held], plainBytes: zstd.plainBytes }
    : { streams: [source.readable, held, compressor(io, method)], plainBytes: () => held.bytes }
}

/** Lets everything through but the end: that comes when the producer is known to have done its work. */
class HeldBack extends Transform {
  readonly #finished: Promise<void>
  readonly #onBytes: (bytes: number) => void
  bytes = 0

  constructor(finished: Promise<void>, onBytes: (bytes: number) => void) {
    super()
    this.#finished = finished
    this.#onBytes = onBytes
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error: Error | null, data: Buffer) => void): void {
    this.bytes += chunk.length
    this.#onBytes(this.bytes)
    done(null, chunk)
  }

  override _flush(done: Done): void {
    this.#finished.then(() => done(), done)
  }
}

/** Writes to every upload whose store is left; waits for the slowest. */
class FanOut extends Writable {
  readonly #destinations: Destinations
  readonly #uploads: ReadonlyMap<Store, Upload>

  constructor(destinations: Destinations, uploads: ReadonlyMap<Store, Upload>) {
    super()
    this.#destinations = destinations
    this.#uploads = uploads
    for (const [store, { writable }] of uploads) writable.on('error', (error) => destinations.fail(store, error))
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    this.#each((writable) => written(writable, chunk), done)
  }

  override _final(done: Done): void {
    this.#each(
      (writable) =>
        new Promise((resolve, reject) => {
          writable.end((error?: Error | null) => (error ? reject(error) : resolve()))
        }),
      done,
    )
  }

  #each(work: (writable: Writable) => Promise<void>, done: Done): void {
    const all = this.#destinations.each(async (store) => {
      const upload = this.#uploads.get(store)
      if (upload) await work(upload.writable)
    })
    all.then(() => done(), done)
  }
}

function written(writable: Writable, chunk: Buffer): Promise<void> {
  const broken = () => writable.errored ?? new Error('the upload ended early')
  if (writable.destroyed) return Promise.reject(broken())
  if (writable.write(chunk)) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const settle = () => {
      writable.off('drain', settle).off('close', settle)
      if (writable.destroyed) reject(broken())
      else resolve()
    }
    writable.on('drain', settle).on('close', settle)
  })
}
