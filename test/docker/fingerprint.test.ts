import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { digest, firstDifference, Hasher } from '../../docker/fingerprint.ts'
import { temporary } from './fixture.ts'

function world() {
  const { folder, put } = temporary()
  const ctx = { stateDir: path.join(folder, '.aqua') }
  const look = async (...names: string[]) => {
    const hasher = new Hasher(ctx)
    const found = await hasher.all(
      folder,
      names.map((name) => path.join(folder, name)),
    )
    await hasher.save()
    return found
  }
  return { folder, put, look }
}

test('a touched file with the same content is unchanged', async () => {
  const { put, look } = world()
  put('a', 'text', 100)
  const before = await look('a')
  put('a', 'text', 50)
  assert.equal(await look('a'), before)
  assert.is(firstDifference(before, await look('a')), undefined)
})

test('changed, new and gone files are named', async () => {
  const { put, look } = world()
  put('a', '1', 100)
  put('b/c', '1', 100)
  const before = await look('a', 'b/c')
  put('b/c', '2', 50)
  assert.is(firstDifference(before, await look('a', 'b/c')), `${path.join('b', 'c')} changed`)
  put('d')
  assert.is(firstDifference(await look('a', 'b/c'), await look('a', 'b/c', 'd')), 'd is new')
  assert.is(firstDifference(await look('a', 'b/c'), await look('b/c')), 'a is gone')
  assert.is(firstDifference(undefined, before), 'nothing was built yet')
})

test('the same size within the clock’s resolution is seen all the same', async () => {
  const { put, look } = world()
  const file = put('a', '1')
  const { atime, mtime } = fs.statSync(file)
  const before = await look('a')
  fs.writeFileSync(file, '2')
  fs.utimesSync(file, atime, mtime)
  assert.is.not(digest(await look('a')), digest(before))
})

test('a file as last seen is not read again', async () => {
  const { folder, put, look } = world()
  const file = put('a', '1', 100)
  const before = await look('a')
  const stat = fs.statSync(file)
  // Same size, same inode, same time: only reading it would tell, and that is what is saved.
  fs.writeFileSync(file, '2')
  fs.utimesSync(file, stat.atime, stat.mtime)
  assert.equal(await look('a'), before)
  fs.rmSync(path.join(folder, '.aqua'), { recursive: true })
  assert.is.not(digest(await look('a')), digest(before))
})

test('a damaged cache costs a reading, nothing else', async () => {
  const { folder, put, look } = world()
  put('a', '1', 100)
  const before = await look('a')
  fs.writeFileSync(path.join(folder, '.aqua', 'hashes.json'), '{"half":')
  assert.equal(await look('a'), before)
})

test('one hash for all: names, contents and their assignment count, the order of reading does not', async () => {
  const { put, look } = world()
  put('a', '1')
  put('b', '2')
  assert.is(digest(await look('a', 'b')), digest(await look('b', 'a')))
  const of = (entries: Record<string, string>) => digest(entries)
  assert.is.not(of({ a: '1', b: '2' }), of({ a: '2', b: '1' }))
  assert.is.not(of({ a: '1' }), of({ b: '1' }))
})

test.run()
