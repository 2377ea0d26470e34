import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { lockFile, takeLock } from '../../docker/lock.ts'
import { isAquaError } from '../../scripts/error.ts'

let folder = ''
let file = ''
test.before.each(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-lock-'))
  file = path.join(folder, 'deeper', 'dev.lock')
})
test.after.each(() => fs.rmSync(folder, { recursive: true, force: true }))

const holder = (pid: number, task = 'up') => ({ pid, task, since: '10:11:12', cwd: folder })
const held = () => JSON.parse(fs.readFileSync(file, 'utf8')) as { pid: number; task: string }

test('the second is told who holds it; after the release it is free', () => {
  const release = takeLock(file, holder(process.pid))
  assert.throws(
    () => takeLock(file, holder(process.pid, 'down')),
    (error: unknown) => isAquaError(error) && error.code === 'LOCKED' && error.message.includes(`pid ${process.pid}`),
  )
  assert.is(held().task, 'up')
  release()
  assert.not.ok(fs.existsSync(file))
  takeLock(file, holder(process.pid, 'down'))()
})

test('a living stranger keeps it, a dead one does not', async () => {
  const child = spawn('sleep', ['60'])
  fs.mkdirSync(path.dirname(file))
  fs.writeFileSync(file, JSON.stringify(holder(child.pid ?? 0)))
  assert.throws(
    () => takeLock(file, holder(process.pid)),
    (error: unknown) => isAquaError(error) && error.message.includes(`pid ${child.pid}`),
  )
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('close', resolve))
  takeLock(file, holder(process.pid, 'down'))
  assert.equal(held(), holder(process.pid, 'down'))
  assert.equal(fs.readdirSync(path.dirname(file)), ['dev.lock'], 'nothing else is left beside it')
})

test('half a lock, from a full disk, is nobody', () => {
  fs.mkdirSync(path.dirname(file))
  fs.writeFileSync(file, '{"pid":')
  takeLock(file, holder(process.pid))
  assert.is(held().pid, process.pid)
})

test('releasing leaves the lock of whoever came after', () => {
  const release = takeLock(file, holder(process.pid))
  fs.writeFileSync(file, JSON.stringify(holder(1, 'other')))
  release()
  assert.is(held().task, 'other')
})

test('one file per project and user, outside of any checkout', () => {
  assert.is.not(lockFile('a'), lockFile('b'))
  assert.is(lockFile('a'), lockFile('a'))
  assert.ok(lockFile('a').startsWith(os.tmpdir()))
})

test.run()
