import fs from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FileWriter, LocalStore } from '../../backup/store/local.ts'
import { failure, refusal, scratch, testIf } from './fixture.ts'

const base = scratch('store')
let turn = 0
function fresh(): { store: LocalStore; folder: string } {
  const folder = path.join(base, `s${turn++}`, 'dev')
  return { store: new LocalStore(folder, { make: true }), folder }
}

async function put(store: LocalStore, name: string, body: string): Promise<void> {
  const upload = await store.create(name)
  await pipeline(Readable.from([Buffer.from(body)]), upload.writable)
  await upload.commit()
}

test('a file appears under its name at commit and not before, readable by its owner alone', async () => {
  const { store, folder } = fresh()
  const upload = await store.create('a.dump.gz')
  await pipeline(Readable.from([Buffer.from('one'), Buffer.from('two')]), upload.writable)
  assert.equal(await store.list(), [])
  assert.is(fs.readdirSync(folder).length, 1)
  await upload.commit()
  const [object, ...others] = await store.list()
  assert.equal([object?.name, object?.bytes, others.length], ['a.dump.gz', 6, 0])
  assert.is(fs.statSync(path.join(folder, 'a.dump.gz')).mode & 0o777, 0o600)
  assert.is(fs.statSync(folder).mode & 0o777, 0o700)
  assert.is(await text(await store.read('a.dump.gz')), 'onetwo')
  assert.equal(fs.readdirSync(folder), ['a.dump.gz'])
})

test('an upload that is aborted, or whose stream fails, leaves nothing', async () => {
  const { store, folder } = fresh()
  const upload = await store.create('a')
  upload.writable.write('half')
  await upload.abort()
  await upload.abort()
  const second = await store.create('b')
  await failure(
    pipeline(
      (async function* () {
        yield Buffer.from('half')
        throw new Error('the dump failed')
      })(),
      second.writable,
    ),
  )
  await second.abort()
  assert.equal(fs.readdirSync(folder), [])
})

test('write replaces, create does not', async () => {
  const { store } = fresh()
  await store.write('m.json', '1')
  await store.write('m.json', '2')
  assert.is(await store.readText('m.json'), '2')
  assert.is(await refusal(store.create('m.json')), 'OBJECT_EXISTS')
})

test('remove, also of what is not there', async () => {
  const { store } = fresh()
  await store.remove('nothing')
  await put(store, 'a', 'x')
  await store.remove('a')
  assert.equal(await store.list(), [])
  assert.is(await refusal(store.readText('a')), 'STORE_MISSING')
  assert.is(await refusal(store.read('a')), 'STORE_MISSING')
})

test('names that leave the folder or hide in it are refused', async () => {
  const { store } = fresh()
  for (const name of ['', '.', '..', '../x', 'a/b', '/etc/passwd', '.hidden', 'a\0b', 'a\nb', 'a\\b', 'x'.repeat(201)])
    for (const work of [store.create(name), store.write(name, ''), store.read(name), store.remove(name)])
      assert.is(await refusal(work), 'OBJECT_NAME', JSON.stringify(name))
})

test('sweep takes old unfinished files of its own and nothing else', async () => {
  const { store, folder } = fresh()
  await put(store, 'a', 'x')
  await store.create('b')
  fs.writeFileSync(path.join(folder, '.hidden.part'), '')
  fs.writeFileSync(path.join(folder, 'c.1.0123456789ab.part'), '')
  assert.is(await store.sweep(new Date(Date.now() - 60_000)), 0)
  assert.is(await store.sweep(new Date(Date.now() + 60_000)), 1)
  assert.equal(fs.readdirSync(folder).sort(), ['.hidden.part', 'a', 'c.1.0123456789ab.part'])
  assert.is(await fresh().store.sweep(new Date()), 0)
})

test('a folder that was named must exist; the environment in it is made', async () => {
  const gone = new LocalStore(path.join(base, 'unmounted', 'dev'), { make: false })
  assert.is(await refusal(gone.list()), 'STORE_MISSING')
  assert.is(await refusal(gone.create('a')), 'STORE_MISSING')
  assert.is(await refusal(gone.write('a', '')), 'STORE_MISSING')
  fs.mkdirSync(path.join(base, 'mounted'))
  const there = new LocalStore(path.join(base, 'mounted', 'dev'), { make: false })
  assert.equal(await there.list(), [])
  await put(there, 'a', 'x')
  assert.is((await there.list()).length, 1)
})

test('a list that cannot be read is an error', async () => {
  const { store, folder } = fresh()
  fs.mkdirSync(path.dirname(folder), { recursive: true })
  fs.writeFileSync(folder, 'a file')
  assert.is(await refusal(store.list()), 'STORE_MISSING')
})

// /dev/full takes no byte, as a full disk does.
testIf(fs.existsSync('/dev/full'), 'this system has no /dev/full')('a full disk fails by name', async () => {
  const { store, folder } = fresh()
  const upload = await store.create('a')
  const [part = ''] = fs.readdirSync(folder)
  await upload.abort()
  fs.symlinkSync('/dev/full', path.join(folder, part))
  const handle = await fs.promises.open(path.join(folder, part), 'r+')
  const error = await refusal(pipeline(Readable.from([Buffer.alloc(100)]), new FileWriter(handle, 'writing a', folder)))
  assert.is(error, 'STORE_FULL')
  await handle.close()
})

test.run()
