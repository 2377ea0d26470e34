import type { Duplex } from 'node:stream'
import zlib from 'node:zlib'
import { AquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
import { inflater, Joined } from './joined.ts'

/** Node's own zstd, from 22.15 on; the types are those of the oldest Node supported. */
interface NodeZstd {
  createZstdCompress(options: object): Duplex
  createZstdDecompress(options: object): Duplex & { bytesWritten: number }
  constants: { ZSTD_c_compressionLevel: number; ZSTD_c_checksumFlag: number }
}

const own = 'createZstdCompress' in zlib ? (zlib as unknown as NodeZstd) : undefined
const chunkSize = 256 * 1024

/** Level 3 with a checksum at the end: by Node where it can, else by the `zstd` program. */
export function zstdCompressor(io: Pick<Io, 'stream'>): Duplex {
  if (!own) return program(io, ['-3', '-T0', '--check', '-q', '-c'])
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = own.constants
  return own.createZstdCompress({ chunkSize, params: { [ZSTD_c_compressionLevel]: 3, [ZSTD_c_checksumFlag]: 1 } })
}

export function zstdDecompressor(io: Pick<Io, 'stream'>): Duplex {
  return own ? inflater(own.createZstdDecompress({ chunkSize }), 'zstd') : program(io, ['-d', '-q', '-c'])
}

function program(io: Pick<Io, 'stream'>, args: readonly string[]): Duplex {
  const command = io.stream(['zstd', ...args])
  const verdict = async () => {
    const { code, stderr } = await command.ended
    if (code === 0) return
    if (code === 127) throw missing()
    const said = stderr
      .trim()
      .split('\n')
      .at(-1)
      ?.replace(/^.*?(stdin\\?\*?|zstd)\s*:\s*/, '')
    throw new Error(code === null ? 'zstd was killed' : `zstd exited with ${code}${said ? `: ${said}` : ''}`)
  }
  return new Joined({
    writable: command.stdin,
    readable: command.stdout,
    verdict,
    stop: () => command.kill(),
    explain: (error) =>
      verdict().then(
        () => error,
        (reason) => reason,
      ),
  })
}

function missing(): AquaError {
  return new AquaError('ZSTD_MISSING', 'this Node has no zstd and there is no zstd program', {
    exit: 'missing',
    hint: 'install zstd, use Node 22.15 or newer, or --compress gzip',
  })
}
