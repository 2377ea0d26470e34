import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { build } from 'esbuild'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { lockFile, takeLock } from '../../docker/lock.ts'
import { isAquaError } from '../../scripts/error.ts'
import { root } from './fixture.ts'

let folder = ''
let file = ''
let stranger: ChildProcess | undefined
test.before.each(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-lock-'))
  file = path.join(folder, 'deeper', 'dev.lock')
})
test.after.each(() => {
  stranger?.kill('SIGKILL')
  fs.rmSync(folder, { recursive: true, force: true })
})

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
  const ended = new Promise((resolve) => child.once('close', resolve))
  stranger = child
  fs.mkdirSync(path.dirname(file))
  fs.writeFileSync(file, JSON.stringify(holder(child.pid ?? 0)))
  assert.throws(
    () => takeLock(file, holder(process.pid)),
    (error: unknown) => isAquaError(error) && error.message.includes(`pid ${child.pid}`),
  )
  child.kill('SIGKILL')
  await ended
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

test('of many that find a dead holder at once, one gets it', async () => {
  const takes = path.join(folder, 'take.mjs')
  await build({
    stdin: {
      contents: `import fs from 'node:fs'
        import { takeLock } from './docker/lock.ts'
        const [, , file, at, enough] = process.argv
        while (Date.now() < Number(at));
        try { takeLock(file, { pid: process.pid, task: 'up', since: '', cwd: '' }) } catch { process.exitCode = 1 }
        const hold = () => fs.existsSync(enough) || setTimeout(hold, 20)
        if (process.exitCode !== 1) hold()`,
      resolveDir: root,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: takes,
    logLevel: 'error',
  })
  fs.mkdirSync(path.dirname(file))
  for (let round = 0; round < 2; round++) {
    fs.writeFileSync(file, JSON.stringify(holder(2 ** 22 + 1)))
    const at = String(Date.now() + 400)
    // Who has it keeps it until all others have tried, however slow the machine is.
    const enough = path.join(folder, `enough-${round}`)
    const codes: (number | null)[] = []
    await Promise.all(
      Array.from({ length: 6 }, () => {
        const child = spawn(process.execPath, [takes, file, at, enough])
        return new Promise<void>((resolve) =>
          child.once('close', (code) => {
            if (codes.push(code) >= 5) fs.writeFileSync(enough, '')
            resolve()
          }),
        )
      }),
    )
    assert.is(codes.filter((code) => code === 0).length, 1)
    assert.not.ok(fs.existsSync(file), 'gone with its holder')
  }
})

test('one file per project and user, outside of any checkout', () => {
  assert.is.not(lockFile('a'), lockFile('b'))
  assert.is(lockFile('a'), lockFile('a'))
  assert.ok(lockFile('a').startsWith(os.tmpdir()))
})

test.run()
