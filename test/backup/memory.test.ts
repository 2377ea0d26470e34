import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decryptor } from '../../backup/age/decrypt.ts'
import { encryptor } from '../../backup/age/encrypt.ts'
import { compressor, decompressor } from '../../backup/codec/compress.ts'
import { Meter } from '../../backup/measure.ts'
import { LocalStore } from '../../backup/store/local.ts'
import { Secret } from '../../scripts/secret.ts'
import { withIo } from '../e2e/cluster.ts'
import { sample, scratch } from './fixture.ts'

const mebibyte = 1024 * 1024
const total = 512 * mebibyte

test('half a gigabyte through gzip, age and a file and back: memory does not grow with it', () =>
  withIo(async (io) => {
    const store = new LocalStore(path.join(scratch('memory'), 'dev'), { make: true })
    const identity = await generateX25519Identity()
    const piece = sample(mebibyte)
    function* source() {
      for (let sent = 0; sent < total; sent += piece.length) yield piece
    }
    const before = process.memoryUsage.rss()
    let peak = before
    const timer = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss())
    }, 20)
    const upload = await store.create('a')
    const sealer = await encryptor([await identityToRecipient(identity)])
    await pipeline(Readable.from(source()), compressor(io, 'gzip'), sealer, upload.writable)
    await upload.commit()
    const back = new Meter()
    const opened = [await decryptor([new Secret(identity)]), decompressor(io, 'gzip')] as const
    await pipeline(await store.read('a'), ...opened, back.resume())
    clearInterval(timer)
    assert.is(back.bytes, total)
    const grown = Math.round((peak - before) / mebibyte)
    assert.ok(grown < 96, `${grown} MiB more at its highest`)
  }))

test.run()
