import { randomBytes } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compressor, decompressor } from '../../backup/codec/compress.ts'
import { bytesRead } from '../../backup/codec/zstd.ts'
import { compressions } from '../../backup/manifest.ts'
import type { Io } from '../../scripts/step.ts'
import { withIo } from '../e2e/cluster.ts'
import { failure, has, pass, refusal, sample, testIf, through } from './fixture.ts'

const mebibyte = 1024 * 1024
const sizes = [0, 1, 65_536, mebibyte - 1, mebibyte, mebibyte + 1, 9 * mebibyte + 17]
const ownZstd = 'zstdCompressSync' in (await import('node:zlib'))
const zstd = ownZstd || has('zstd')

for (const method of compressions) {
  const able = testIf(method !== 'zstd' || zstd, 'neither this Node nor a program can do zstd')
  able(`${method} there and back, at the borders of blocks`, () =>
    withIo(async (io) => {
      for (const size of sizes) {
        const plain = size % 2 === 0 ? sample(size) : randomBytes(size)
        const packed = await pass(plain, compressor(io, method))
        const back = await pass(packed, decompressor(io, method))
        assert.ok(back.equals(plain), `${method}, ${size} bytes`)
      }
    }),
  )
}

test('gzip that others read, and the other way round', () =>
  withIo(async (io) => {
    for (const size of sizes) {
      const plain = sample(size)
      const packed = await pass(plain, compressor(io, 'gzip'))
      assert.ok(gunzipSync(packed).equals(plain))
      for (const program of ['gunzip', 'pigz'].filter(has))
        assert.ok(through([program, '-dc'], packed).equals(plain), program)
      assert.ok((await pass(gzipSync(plain), decompressor(io, 'gzip'))).equals(plain))
      if (has('pigz')) assert.ok((await pass(through(['pigz', '-c'], plain), decompressor(io, 'gzip'))).equals(plain))
    }
  }))

testIf(has('zstd'), 'zstd is not installed')('zstd that the program reads, and the other way round', () =>
  withIo(async (io) => {
    for (const size of sizes) {
      const plain = sample(size)
      assert.ok(through(['zstd', '-dqc'], await pass(plain, compressor(io, 'zstd'))).equals(plain))
      const packed = through(['zstd', '-qc'], plain)
      assert.ok((await pass(packed, decompressor(io, 'zstd'))).equals(plain))
      const twice = Buffer.concat([packed, packed])
      assert.ok((await pass(twice, decompressor(io, 'zstd'))).equals(Buffer.concat([plain, plain])), 'two frames')
    }
  }),
)

for (const method of ['gzip', 'zstd'] as const) {
  const able = testIf(method !== 'zstd' || zstd, 'neither this Node nor a program can do zstd')
  able(`${method}: cut, changed, extended or no data at all ends in an error`, () =>
    withIo(async (io) => {
      const plain = sample(300_000)
      const packed = await pass(plain, compressor(io, method))
      const open = (data: Buffer) => failure(pass(data, decompressor(io, method)))
      for (const length of [0, 1, 9, 17, 18, packed.length >> 1, packed.length - 9, packed.length - 1])
        await open(packed.subarray(0, length))
      for (const tail of ['\0', '\0\0\0\0\0\0\0\0\0\0', 'x', 'garbage', '\x1f\x8b', '\x1f'])
        await open(Buffer.concat([packed, Buffer.from(tail, 'latin1')]))
      // Far from the header, whose time stamp and name are under no checksum. zstd has bits that nothing depends on.
      for (const at of [20, packed.length >> 1, packed.length - 6, packed.length - 2]) {
        const flipped = Buffer.from(packed)
        flipped[at] = (flipped[at] ?? 0) ^ 0x10
        const back = await pass(flipped, decompressor(io, method)).catch((error: Error) => error)
        assert.ok(back instanceof Error || (method === 'zstd' && at === 20 && back.equals(plain)), `byte ${at}`)
      }
      await open(randomBytes(1000))
    }),
  )
}

testIf(!ownZstd, 'this Node has zstd of its own')('without zstd anywhere the error names what to install', async () => {
  await withIo(async (io) => {
    const nothing: Pick<Io, 'stream'> = { stream: (_argv, options) => io.stream(['aqua-no-such-program'], options) }
    assert.is(await refusal(pass(sample(10), compressor(nothing, 'zstd'))), 'ZSTD_MISSING')
  })
})

testIf(zstd, 'neither this Node nor a program can do zstd')('a reader that goes away leaves no program behind', () =>
  withIo(async (io) => {
    const stream = compressor(io, 'zstd')
    stream.write(sample(100))
    const closed = new Promise((resolve) => stream.once('close', resolve))
    stream.destroy()
    await closed
  }),
)

test("what zstd has read, from the reports of its versions; a person's figure is none", () => {
  const now = '/*stdin*\\            : 13.79%   (122268606 B => 16858654 B, /*stdout*\\) \n'
  const before = '/*stdin*\\            : 13.79%   (122268606 => 16858654 bytes, /*stdout*\\) \n'
  for (const report of [now, before, `Using stdin for input\n${now}Completed`])
    assert.is(bytesRead(report), 122_268_606, report)
  assert.is(bytesRead('(     0 B =>     13 B, /*stdout*\\)'), 0)
  for (const report of ['', '( 117 MiB =>  16.1 MiB, x)', 'killed']) assert.is(bytesRead(report), undefined, report)
})

test.run()
