import type { Duplex } from 'node:stream'
import zlib from 'node:zlib'
import { AquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
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
 * Level 3, with a checksum: by Node where it can, else by the `zstd` program on all cores. Node's runs on one thread, which keeps up
 * with pg_dump; blocks side by side would be 15 % larger and take 50 MiB more memory.
 */
export function zstdCompressor(io: Pick<Io, 'stream'>): Duplex {
  if (!own) return program(io, ['-3', '-T0', '--check', '-q', '-c'])
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = own.constants
  return own.createZstdCompress({ chunkSize, params: { [ZSTD_c_compressionLevel]: 3, [ZSTD_c_checksumFlag]: 1 } })
}

export function zstdDecompressor(io: Pick<Io, 'stream'>): Duplex {
  return own ? new Frames(() => own.createZstdDecompress({ chunkSize })) : program(io, ['-d', '-q', '-c'])
}

function program(io: Pick<Io, 'stream'>, args: readonly string[]): Duplex {
  return new Program(io.stream(['zstd', ...args]), ({ code, stderr }) => {
    if (code === 127)
      return new AquaError('ZSTD_MISSING', 'this Node has no zstd and there is no zstd program', {
        exit: 'missing',
        hint: 'install zstd, use Node 22.15 or newer, or --compress gzip',
      })
    const said = stderr.trim().split('\n').at(-1) ?? ''
    return new Error(code === null ? 'zstd was killed' : `zstd exited with ${code}: ${said}`)
  })
}
