import { createHash, randomInt } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import zlib from 'node:zlib'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { encryptor } from '../../backup/age/encrypt.ts'
import { checkArchive, openArchive, type Packed } from '../../backup/archive.ts'
import { compressor } from '../../backup/codec/compress.ts'
import { compressions, fileName } from '../../backup/manifest.ts'
import type { Postgres } from '../../backup/postgres.ts'
import { LocalStore } from '../../backup/store/local.ts'
import { isAquaError } from '../../scripts/error.ts'
import { Secret } from '../../scripts/secret.ts'
import type { Io } from '../../scripts/step.ts'
import { failure, has, pass, refusal, scratch, sha256 } from '../backup/fixture.ts'
import { type Cluster, connectTo, seedSql, startCluster, withIo } from './cluster.ts'

const folder = scratch('archive')
const store = new LocalStore(folder, { make: true })
const identity = await generateX25519Identity()
const identities = async () => [new Secret(identity)]
const id = '20261123T200512Z'
const usable = compressions.filter((method) => method !== 'zstd' || 'zstdCompress' in zlib || has('zstd'))

let cluster: Cluster
let dump: Buffer
const variants: { file: Packed; bytes: Buffer }[] = []

test.before(async () => {
  cluster = await startCluster('codec-archive')
  await cluster.sql(seedSql())
  await withIo(async (io) => {
    const { argv, env } = (await connectTo(io, cluster)).command('pg_dump', [
      '-Fc',
      '-Z0',
      '--strict-names',
      '-n',
      'user',
    ])
    const command = io.stream(argv, { env })
    dump = await buffer(command.stdout)
    assert.is((await command.ended).code, 0)
    for (const compression of usable)
      for (const encrypted of [false, true]) {
        const packed = await pass(dump, compressor(io, compression))
        const bytes = encrypted ? await pass(packed, await encryptor([await identityToRecipient(identity)])) : packed
        const measure = (data: Buffer) => ({ bytes: data.length, sha256: sha256(data) })
        const name = fileName('schema', 'user', id, compression, encrypted)
        const proof = { stored: measure(bytes), compressed: measure(packed), plainBytes: dump.length }
        variants.push({ file: { store, name, compression, encrypted, ...proof }, bytes })
      }
  })
})
test.after(() => cluster?.remove())

const put = (file: Packed, bytes: Buffer) => fs.writeFileSync(path.join(folder, file.name), bytes)
const read = async (io: Io, file: Packed) => buffer(await openArchive(io, file, identities))

/** The file as an old one is known: by its name alone. */
function unproven({ store, name, compression, encrypted }: Packed): Packed {
  return { store, name, compression, encrypted }
}

test('what was packed comes back and passes every check, with a manifest and without', () =>
  withIo(async (io) => {
    const postgres = await connectTo(io, cluster)
    assert.is(variants.length, 2 * usable.length)
    for (const { file, bytes } of variants) {
      put(file, bytes)
      assert.ok((await read(io, file)).equals(dump), file.name)
      let seen = 0
      await checkArchive(io, postgres, file, identities, (stored) => {
        seen = stored
      })
      assert.is(seen, bytes.length)
      await checkArchive(io, postgres, unproven(file), identities)
    }
  }))

/** One bit turned, or the end cut off, at random. */
function damaged(bytes: Buffer): { bytes: Buffer; what: string } {
  const at = randomInt(bytes.length)
  if (randomInt(4) === 0) return { bytes: bytes.subarray(0, at), what: `cut to ${at}` }
  const copy = Buffer.from(bytes)
  const bit = randomInt(8)
  copy[at] = (copy[at] ?? 0) ^ (1 << bit)
  return { bytes: copy, what: `bit ${bit} of byte ${at} turned` }
}

const wanted = 2000

test(`${wanted} random flips and truncations: with the manifest every one is refused`, () =>
  withIo(async (io) => {
    let refused = 0
    for (let turn = 0; turn < wanted; turn++) {
      const { file, bytes } = variants[turn % variants.length] as (typeof variants)[number]
      const broken = damaged(bytes)
      put(file, broken.bytes)
      const error = await failure(read(io, file)).catch(() => undefined)
      assert.ok(error && isAquaError(error), `${file.name}: ${broken.what} passed`)
      if (error.code === 'ARCHIVE_DAMAGED') {
        assert.is(error.exitCode, 5)
        assert.match(error.message, file.name)
      } else assert.is(error.code, 'IDENTITY_MISMATCH')
      refused += 1
    }
    assert.is(refused, wanted)
  }))

test('random flips and truncations of files without a manifest: refused, or the dump is whole', () =>
  withIo(async (io) => {
    const postgres = await connectTo(io, cluster)
    const counts: Record<string, string> = {}
    for (const { file, bytes } of variants) {
      // What nothing but pg_restore can judge starts it in the container each time.
      const turns = file.compression === 'none' && !file.encrypted ? 30 : 100
      let refused = 0
      let harmless = 0
      for (let turn = 0; turn < turns; turn++) {
        const broken = damaged(bytes)
        put(file, broken.bytes)
        const plain = await read(io, unproven(file)).catch((error) => error as Error)
        if (plain instanceof Error) refused += 1
        else if (plain.equals(dump)) harmless += 1
        else if (await refusedByPgRestore(io, postgres, file)) refused += 1
        // pg_restore cannot see a flip inside the rows of an uncompressed dump: that is what the manifest's SHA-256 is for.
        else assert.ok(file.compression === 'none' && !file.encrypted, `${file.name}: ${broken.what} passed`)
      }
      counts[file.name] = `${refused} of ${turns} refused, ${harmless} harmless`
    }
    for (const [name, count] of Object.entries(counts))
      process.stdout.write(`    without manifest: ${name}: ${count}\n`)
  }))

async function refusedByPgRestore(io: Io, postgres: Postgres, file: Packed): Promise<boolean> {
  const outcome = await checkArchive(io, postgres, unproven(file), identities).catch((error) => error as Error)
  return outcome instanceof Error
}

test('the manifest is compared with what is there', () =>
  withIo(async (io) => {
    for (const { file, bytes } of variants) {
      put(file, bytes)
      const { stored, compressed, plainBytes = 0 } = file
      assert.ok(stored && compressed)
      const other = createHash('sha256').update('x').digest('hex')
      for (const wrong of [
        { stored: { ...stored, sha256: other } },
        { stored: { ...stored, bytes: stored.bytes + 1 } },
        { compressed: { ...compressed, sha256: other } },
        { compressed: { ...compressed, bytes: compressed.bytes - 1 } },
        { plainBytes: plainBytes + 1 },
      ])
        assert.is(await refusal(read(io, { ...file, ...wrong })), 'ARCHIVE_DAMAGED', JSON.stringify(wrong))
    }
  }))

test('a file of another kind than its name says; a file that is not there; another key', () =>
  withIo(async (io) => {
    const postgres = await connectTo(io, cluster)
    const check = async (name: string, bytes: Buffer) => {
      const file = { store, name, compression: 'none' as const, encrypted: false }
      put(file, bytes)
      return checkArchive(io, postgres, file, identities)
    }
    assert.is(await refusal(check('a.dump', Buffer.from('SELECT 1;\n'))), 'ARCHIVE_DAMAGED')
    assert.is(await refusal(check('a.dump', Buffer.alloc(0))), 'ARCHIVE_DAMAGED')
    await check('roles.sql', Buffer.from('CREATE ROLE "вода";\n'))
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from([0x41, 0xff]),
      Buffer.from('a\0b'),
      Buffer.from('вода').subarray(0, 7),
    ])
      assert.is(await refusal(check('roles.sql', bytes)), 'ARCHIVE_DAMAGED')
    assert.is(await refusal(check('b.tar', dump)), 'ARCHIVE_DAMAGED')
    const [{ file }] = variants as [(typeof variants)[number]]
    assert.is(await refusal(read(io, { ...file, name: 'none.dump' })), 'STORE_MISSING')
    const sealed = variants.find((one) => one.file.encrypted) as (typeof variants)[number]
    put(sealed.file, sealed.bytes)
    const stranger = async () => [new Secret(await generateX25519Identity())]
    assert.is(await refusal(openArchive(io, sealed.file, stranger).then(buffer)), 'IDENTITY_MISMATCH')
  }))

test.run()
