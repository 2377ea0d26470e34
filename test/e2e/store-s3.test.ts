import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { HeadObjectCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connectS3 } from '../../backup/store/s3.ts'
import type { S3Settings } from '../../backup/store/s3-client.ts'
import { maxObject, maxParts, partBytes } from '../../backup/store/s3-parts.ts'
import type { Store } from '../../backup/store/store.ts'
import { failure, refusal } from '../backup/fixture.ts'
import { type FaultyProxy, type Minio, startMinio, startProxy } from './minio.ts'

const mebibyte = 1024 * 1024
const stallMs = 1000
let minio: Minio
let proxy: FaultyProxy
let turn = 0

test.before(async () => {
  minio = await startMinio('codec-store-minio')
  proxy = await startProxy(minio.endpoint)
})
test.before.each(() => {
  proxy.fault = () => 'pass'
  proxy.seen.length = 0
})
test.after(async () => {
  await proxy?.close()
  await minio?.remove()
})

/** An environment of its own for each test, straight to the server or through the proxy. */
const direct = (more: Partial<S3Settings> = {}, environment = `e${turn++}`, stall?: number) =>
  connectS3({ ...minio.settings, ...more }, environment, { now: () => new Date() }, stall)
const proxied = () => direct({ endpoint: proxy.endpoint }, undefined, stallMs)

async function put(store: Store, name: string, body: Buffer): Promise<void> {
  const upload = await store.create(name)
  try {
    await pipeline(Readable.from(slices(body)), upload.writable)
    await upload.commit()
  } catch (error) {
    await upload.abort()
    throw error
  }
}

function* slices(body: Buffer): Iterable<Buffer> {
  for (let at = 0; at < body.length; at += 100_000) yield body.subarray(at, at + 100_000)
}

test('part sizes hold any stream that S3 takes, and start small', () => {
  for (const atMost of [0, 1, 78 * 1024 * mebibyte, 79 * 1024 * mebibyte, 1024 * 1024 * mebibyte, maxObject]) {
    let total = 0
    for (let index = 0; index < maxParts; index++) {
      const bytes = partBytes(index, atMost)
      assert.ok(bytes >= 5 * mebibyte && bytes <= 5 * 1024 * mebibyte)
      total += bytes
    }
    assert.ok(total >= atMost, `${atMost}`)
    assert.is(partBytes(0, atMost), 8 * mebibyte)
  }
})

test('objects of every size, whole or not at all', async () => {
  const store = await direct()
  assert.equal(await store.list(), [])
  for (const size of [0, 1, 8 * mebibyte, 8 * mebibyte + 1, 41 * mebibyte + 7]) {
    const body = randomBytes(size)
    const name = `n${size}`
    const upload = await store.create(name)
    await pipeline(Readable.from(slices(body)), upload.writable)
    assert.not(
      (await store.list()).some((object) => object.name === name),
      'not there before commit',
    )
    await upload.commit()
    await upload.abort()
    assert.ok((await buffer(await store.read(name))).equals(body), `${size}`)
  }
  const listed = await store.list()
  assert.equal(
    listed.map(({ bytes }) => bytes).sort((a, b) => a - b),
    [0, 1, 8 * mebibyte, 8 * mebibyte + 1, 41 * mebibyte + 7],
  )
  assert.ok(listed.every(({ storedAt }) => Math.abs(storedAt.getTime() - Date.now()) < 600_000))
  assert.is(await refusal(store.create('n1')), 'OBJECT_EXISTS')
  await store.remove('n1')
  await store.remove('n1')
  assert.is((await store.list()).length, 4)
})

test('text, and what is not there', async () => {
  const store = await direct()
  await store.write('m.json', '{"вода": 1}')
  await store.write('m.json', '{"вода": 2}')
  assert.is(await store.readText('m.json'), '{"вода": 2}')
  assert.is(await refusal(store.readText('none')), 'STORE_MISSING')
  assert.is(await refusal(store.read('none')), 'STORE_MISSING')
  assert.is(await refusal(store.create('../x')), 'OBJECT_NAME')
})

test('other environments, folders below and foreign objects are not listed', async () => {
  const [one, two] = [await direct({}, 'dev-a'), await direct({}, 'dev-ab')]
  await one.write('a', '1')
  await two.write('b', '2')
  await minio.mc('cp', '-q', '/etc/hostname', 'm/backups/aquastream/dev-a/deeper/c')
  await minio.mc('cp', '-q', '/etc/hostname', 'm/backups/d')
  assert.equal(
    (await one.list()).map(({ name }) => name),
    ['a'],
  )
  assert.equal(
    (await two.list()).map(({ name }) => name),
    ['b'],
  )
})

test('a list of more than one page is whole', async () => {
  const store = await direct()
  const names = Array.from({ length: 1030 }, (_, index) => `o${index}`)
  for (let at = 0; at < names.length; at += 40)
    await Promise.all(names.slice(at, at + 40).map((name) => store.write(name, name)))
  assert.equal((await store.list()).map(({ name }) => name).sort(), names.sort())
})

function clientOf(server: Minio): S3Client {
  const { region, endpoint = '', accessKeyId, secretAccessKey } = server.settings
  return new S3Client({ region, endpoint, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } })
}

/** Uploads under way, by object: MinIO answers for exact names only. */
async function unfinished(store: Store, name: string): Promise<number> {
  const client = clientOf(minio)
  const Prefix = `${store.where.split('/').slice(3).join('/')}/${name}`
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: 'backups', Prefix }))
  client.destroy()
  return Uploads.length
}

/** What an interrupted upload of `a` may leave: nothing. */
async function nothingLeft(store: Store): Promise<void> {
  assert.is(await minio.mc('ls', '-q', '--recursive', store.where.replace('s3://', 'm/')), '')
  assert.is(await unfinished(store, 'a'), 0)
}

test('a stream that fails or ends early is never completed', async () => {
  const store = await direct()
  const upload = await store.create('a')
  const source = Readable.from(
    (async function* () {
      for (let i = 0; i < 20; i++) yield randomBytes(mebibyte)
      throw new Error('pg_dump exited with 1')
    })(),
  )
  assert.match((await failure(pipeline(source, upload.writable))).message, 'pg_dump exited')
  await failure(upload.commit())
  await upload.abort()
  await upload.abort()
  await nothingLeft(store)
  await put(store, 'a', randomBytes(20 * mebibyte))
  assert.is((await minio.mc('ls', '-q', '--recursive', store.where.replace('s3://', 'm/'))).split('\n').length, 1)
})

const part = (number: number) => (what: string) => what === `PUT part ${number}`

test('a server that fails for a while does no harm', async () => {
  const store = await proxied()
  const body = randomBytes(20 * mebibyte)
  proxy.fault = (what, count) => {
    if (part(1)(what) && count < 2) return { status: 500 }
    if (part(2)(what) && count < 1) return { cutRequestAfter: mebibyte }
    if (part(3)(what) && count < 1) return 'stall'
    if (what === 'POST uploads' && count < 1) return { status: 503, code: 'SlowDown' }
    return what === 'POST upload' && count < 1 ? { status: 500 } : 'pass'
  }
  await put(store, 'a', body)
  assert.ok((await buffer(await store.read('a'))).equals(body))
  for (const what of ['PUT part 1', 'PUT part 2', 'PUT part 3', 'POST upload', 'POST uploads'])
    assert.ok(proxy.seen.filter((one) => one === what).length >= 2, what)
})

test('a completion whose answer is lost counts when the object is there', async () => {
  const store = await proxied()
  const body = randomBytes(20 * mebibyte)
  proxy.fault = (what, count) => (what === 'POST upload' && count < 1 ? { cutAnswerAfter: 0 } : 'pass')
  await put(store, 'a', body)
  assert.ok((await buffer(await store.read('a'))).equals(body))
})

test('a beginning whose answer is lost begins again, and what it began before is not left', async () => {
  const store = await proxied()
  const body = randomBytes(20 * mebibyte)
  proxy.fault = (what, count) => (what === 'POST uploads' && count < 1 ? { cutAnswerAfter: 0 } : 'pass')
  await put(store, 'a', body)
  assert.is(proxy.seen.filter((what) => what === 'POST uploads').length, 2)
  assert.ok((await buffer(await store.read('a'))).equals(body))
  await store.remove('a')
  await nothingLeft(store)
})

test('a slow line is no stalled one', async () => {
  // The kernel takes some megabytes at once, so that nothing moves for a while on this side.
  const store = await direct({ endpoint: proxy.endpoint }, 'slow', 2000)
  proxy.fault = (what) => (part(1)(what) ? { bytesPerSecond: 3 * mebibyte } : 'pass')
  await put(store, 'a', randomBytes(9 * mebibyte))
})

for (const [title, fault, code] of [
  ['refuses with 403', { status: 403, code: 'AccessDenied' }, 'S3_DENIED'],
  ['fails with 500', { status: 500 }, 'S3_FAILED'],
  ['is full', { status: 507, code: 'XMinioStorageFull' }, 'STORE_FULL'],
  ['breaks the line in mid-part', { cutRequestAfter: 3 * mebibyte }, 'S3_UNREACHABLE'],
  ['takes the request and never answers', 'stall', 'S3_STALLED'],
] as const)
  test(`a server that ${title} fails the upload by name and leaves nothing`, async () => {
    const store = await proxied()
    for (const what of ['PUT part 2', 'POST uploads', 'POST upload', 'PUT object']) {
      proxy.fault = (one) => (one === what ? fault : 'pass')
      const body = randomBytes(what === 'PUT object' ? mebibyte * 4 : 20 * mebibyte)
      // A request without a body cannot be cut off in one.
      if (typeof fault === 'object' && 'cutRequestAfter' in fault && what.startsWith('POST')) continue
      const error = await failure(put(store, 'a', body))
      assert.is((error as { code?: string }).code, code, `${what}: ${error.message}`)
      assert.match(error.message, 's3://backups')
      proxy.fault = () => 'pass'
      await nothingLeft(store)
    }
  })

test('list, read, write, remove: failures are errors, not nothing', async () => {
  const store = await proxied()
  await store.write('a', 'x')
  proxy.fault = () => ({ status: 403, code: 'AccessDenied' })
  const works = [
    () => store.list(),
    () => store.read('a'),
    () => store.readText('a'),
    () => store.write('b', ''),
    () => store.remove('a'),
    () => store.sweep(new Date()),
  ]
  for (const work of works) assert.is(await refusal(work()), 'S3_DENIED')
  proxy.fault = () => ({ status: 500 })
  assert.is(await refusal(store.list()), 'S3_FAILED')
  assert.is(await refusal(store.remove('a')), 'S3_FAILED')
})

test('a download goes on where the line broke, and gives up when it keeps breaking', async () => {
  const store = await proxied()
  const body = randomBytes(12 * mebibyte)
  await put(store, 'a', body)
  proxy.fault = (what, count) => {
    if (what !== 'GET object' || count > 2) return 'pass'
    return count === 1 ? { stallAnswerAfter: 2 * mebibyte } : { cutAnswerAfter: 3 * mebibyte }
  }
  assert.ok((await buffer(await store.read('a'))).equals(body))
  assert.is(proxy.seen.filter((what) => what === 'GET object').length, 4)
  proxy.fault = (what) => (what === 'GET object' ? { cutAnswerAfter: 0 } : 'pass')
  assert.is(await refusal(store.read('a').then(buffer)), 'S3_UNREACHABLE')
})

test('a reader that pauses longer than a stall still gets every byte', async () => {
  const store = await direct({}, undefined, stallMs)
  const body = randomBytes(12 * mebibyte)
  await put(store, 'a', body)
  const got: Buffer[] = []
  for await (const chunk of await store.read('a')) {
    if (got.length === 1) await new Promise((resolve) => setTimeout(resolve, 2 * stallMs))
    got.push(chunk)
  }
  assert.ok(Buffer.concat(got).equals(body))
})

test('wrong keys, no such bucket, no server', async () => {
  assert.is(await refusal((await direct({ secretAccessKey: 'wrong-secret' })).list()), 'S3_DENIED')
  assert.is(await refusal((await direct({ bucket: 'nowhere' })).list()), 'S3_BUCKET_MISSING')
  assert.is(await refusal((await direct({ bucket: 'nowhere' })).write('a', '')), 'S3_BUCKET_MISSING')
  assert.is(await refusal((await direct({ endpoint: 'http://127.0.0.1:9' })).list()), 'S3_UNREACHABLE')
})

test('sweep removes unfinished uploads of its own environment', async () => {
  const [mine, other] = [await direct({}, 'sweep'), await direct({}, 'sweeper')]
  for (const store of [mine, other]) {
    const upload = await store.create('killed')
    // A part may still be on its way when the sweep takes the upload away.
    upload.writable.on('error', () => {})
    for (const slice of slices(randomBytes(17 * mebibyte))) {
      if (!upload.writable.write(slice)) await new Promise((resolve) => upload.writable.once('drain', resolve))
    }
  }
  for (let left = 50; (await unfinished(mine, 'killed')) + (await unfinished(other, 'killed')) < 2; left--) {
    assert.ok(left > 0, 'the uploads did not begin')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.equal(await mine.list(), [])
  assert.is(await mine.sweep(new Date(Date.now() - 600_000)), 0)
  assert.is(await mine.sweep(new Date(Date.now() + 600_000)), 1)
  assert.is(await mine.sweep(new Date(Date.now() + 600_000)), 0)
  assert.is(await unfinished(mine, 'killed'), 0)
  assert.is(await unfinished(other, 'killed'), 1)
})

test('storage class reaches the object; a locked one cannot be deleted', async () => {
  const locked = await startMinio('codec-store-lock', { lock: true })
  try {
    const settings = { ...locked.settings, lockDays: 2, storageClass: 'REDUCED_REDUNDANCY' }
    const store = await connectS3(settings, 'dev', { now: () => new Date() })
    for (const size of [10, 17 * mebibyte]) {
      const name = `a${size}`
      await put(store, name, randomBytes(size))
      const stat = JSON.parse(await locked.mc('stat', '--json', `m/backups/aquastream/dev/${name}`))
      assert.is(stat.metadata['X-Amz-Object-Lock-Mode'], 'GOVERNANCE')
      assert.is(stat.metadata['X-Amz-Storage-Class'], 'REDUCED_REDUNDANCY')
      const until = new Date(stat.metadata['X-Amz-Object-Lock-Retain-Until-Date']).getTime()
      assert.ok(Math.abs(until - Date.now() - 2 * 86_400_000) < 600_000)
      const deletion = locked.mc('rm', '--version-id', stat.versionID, `m/backups/aquastream/dev/${name}`)
      assert.match((await failure(deletion)).message, /WORM|lock|retention/i)
    }
    await store.write('m', 'x')
    assert.is(await text(await store.read('m')), 'x')
  } finally {
    await locked.remove()
  }
})

test("encrypted by the server's own key where BACKUP_S3_SSE says so, and only there", async () => {
  const encrypting = await startMinio('codec-store-sse', { encrypts: true })
  const client = clientOf(encrypting)
  try {
    const open = (more: Partial<S3Settings>, environment: string) =>
      connectS3({ ...encrypting.settings, ...more }, environment, { now: () => new Date() })
    const [sealed, plain] = [await open({ encryption: 'AES256' }, 'sealed'), await open({}, 'plain')]
    const bodies = { small: randomBytes(10), parts: randomBytes(17 * mebibyte) }
    for (const store of [sealed, plain])
      for (const [name, body] of Object.entries(bodies)) {
        await put(store, name, body)
        await store.write(`${name}.json`, 'x')
        for (const object of [name, `${name}.json`]) {
          const Key = `aquastream/${store === sealed ? 'sealed' : 'plain'}/${object}`
          const { ServerSideEncryption } = await client.send(new HeadObjectCommand({ Bucket: 'backups', Key }))
          assert.is(ServerSideEncryption, store === sealed ? 'AES256' : undefined, Key)
        }
        assert.ok((await buffer(await store.read(name))).equals(body))
      }
  } finally {
    client.destroy()
    await encrypting.remove()
  }
})

test('a server without a key refuses to encrypt, by name', async () => {
  const store = await direct({ encryption: 'AES256' })
  assert.is(await refusal(store.write('a', 'x')), 'S3_FAILED')
  assert.equal(await store.list(), [])
})

test.run()
