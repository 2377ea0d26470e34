import { type Duplex, PassThrough } from 'node:stream'
import zlib from 'node:zlib'
import type { Io } from '../../scripts/step.ts'
import type { Compression } from '../manifest.ts'
import { Blocks } from './blocks.ts'
import { Frames } from './frames.ts'
import { zstdCompressor, zstdDecompressor } from './zstd.ts'

const blockBytes = 512 * 1024

/** Room for a packed block in one piece: a smaller one costs a turn through the thread pool for every 16 KiB. */
const outputBytes = 128 * 1024

/**
 * Level 5 is the least work whose output is no larger than that of pigz -6: of a dump of 69.9 MB it makes 13.31 MB, pigz 13.79,
 * level 4 13.81. memLevel 9 takes 3 to 6 % less time than the default for 0.1 % less output; larger blocks change neither and take memory.
 */
const options = { level: 5, memLevel: 9, chunkSize: outputBytes }

/**
 * A stream that compresses. gzip: blocks of 512 KiB, each a gzip member of its own, made side by side in libuv's thread pool;
 * any gunzip reads the whole. Empty input gives a valid empty file. The stream ends only when everything went well.
 */
export function compressor(io: Pick<Io, 'stream'>, method: Compression): Duplex {
  if (method === 'none') return new PassThrough()
  if (method === 'zstd') return zstdCompressor(io)
  return new Blocks(blockBytes, (block, done) => zlib.gzip(block, options, done))
}

/**
 * The reverse. Ends in an error when the input is cut short, damaged (CRC), empty, or followed by anything that is no gzip
 * member: what was read before that has left the stream already, so wait for the end.
 */
export function decompressor(io: Pick<Io, 'stream'>, method: Compression): Duplex {
  if (method === 'none') return new PassThrough()
  if (method === 'zstd') return zstdDecompressor(io)
  return new Frames(() => zlib.createGunzip({ chunkSize: outputBytes }))
}
