import type { Duplex, Readable } from 'node:stream'
import zlib from 'node:zlib'
import { AquaError } from '../../scripts/error.ts'
import type { CommandResult, Io } from '../../scripts/step.ts'
import { Frames, type Inflater } from './frames.ts'
import { Program } from './program.ts'

/** Node's own zstd, from 22.15 on; the types are those of the oldest Node supported. */
interface NodeZstd {
  createZstdCompress(options: object): Duplex
  createZstdDecompress(options: object): Inflater
  constants: { ZSTD_c_compressionLevel: number; ZSTD_c_checksumFlag: number }
}

const own = 'createZstdCompress' in zlib ? (zlib as unknown as NodeZstd) : undefined
const chunkSize = 256 * 1024

/**
 * Level 2 takes a third less work than level 3 for 5 % more bytes, which is a quarter less than gzip's still. One thread keeps up
 * with pg_dump, and dumps run side by side.
 */
const level = 2
const pack = [`-${level}`, '--single-thread', '--check', '-c']

/** With a checksum: by Node where it can, else by the `zstd` program. */
export function zstdCompressor(io: Pick<Io, 'stream'>): Duplex {
  if (!own) return new Program(io.stream(['zstd', ...pack, '-q']), failure)
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = own.constants
  return own.createZstdCompress({ chunkSize, params: { [ZSTD_c_compressionLevel]: level, [ZSTD_c_checksumFlag]: 1 } })
}

export function zstdDecompressor(io: Pick<Io, 'stream'>): Duplex {
  return own
    ? new Frames(() => own.createZstdDecompress({ chunkSize }))
    : new Program(io.stream(['zstd', '-d', '-q', '-c']), failure)
}

/**
 * What the `zstd` program makes of another program's output, which it reads itself: the plain bytes, five times as many, do not
 * pass through this process. Undefined where Node does the work. `plainBytes` is known at the end.
 */
export function zstdOf(
  io: Pick<Io, 'stream'>,
  output: Readable,
): { readable: Readable; plainBytes(): number } | undefined {
  if (own) return undefined
  let read: number | undefined
  const readable = new Program(io.stream(['zstd', ...pack, '-vv', '--no-progress'], { from: output }), (result) => {
    if (result.code !== 0) return failure(result)
    read = bytesRead(result.stderr)
    if (read !== undefined) return undefined
    return new AquaError('ZSTD_COUNT', 'zstd did not say how many bytes it has read', {
      hint: 'zstd --version has to be 1.4 or newer; or --compress gzip',
    })
  })
  readable.end()
  return { readable, plainBytes: () => read ?? 0 }
}

/** From zstd's own report, exact with -vv: `(122268606 B => 16858654 B`, before 1.5 `(122268606 => 16858654 bytes`. */
export function bytesRead(report: string): number | undefined {
  const count = /\(\s*(\d+)(?: B)? =>/.exec(report)?.[1]
  return count === undefined ? undefined : Number(count)
}

function failure({ code, stderr }: CommandResult): Error | undefined {
  if (code === 0) return undefined
  if (code === 127)
    return new AquaError('ZSTD_MISSING', 'this Node has no zstd and there is no zstd program', {
      exit: 'missing',
      hint: 'install zstd, use Node 22.15 or newer, or --compress gzip',
    })
  const said = stderr.trim().split('\n').at(-1) ?? ''
  return new Error(code === null ? 'zstd was killed' : `zstd exited with ${code}: ${said}`)
}
