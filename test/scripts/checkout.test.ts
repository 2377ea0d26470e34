import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Checkout, envelope, root } from './checkout.ts'

const aqua = new Checkout()
const task = aqua.file('tasks', 'steps.ts')
const original = fs.readFileSync(task, 'utf8')
const stampFile = aqua.file('dist', 'inputs.json')

test('a task edited a second ago runs as edited', async () => {
  assert.match((await aqua.run(['help', 'steps'])).stdout, /^Leave three marks\n/)
  fs.writeFileSync(
    task,
    original.replace('Leave three marks', 'Leave four marks').replaceAll('"$WORK/mark"', '"$WORK/new"'),
  )
  assert.match((await aqua.run(['help', 'steps'])).stdout, /^Leave four marks\n/)
  assert.is((await aqua.run(['steps'])).code, 0)
  assert.equal([aqua.lines('new'), aqua.lines('mark')], [['1', '2', '3'], []])
})

test('a checkout of an older file counts as an edit', async () => {
  fs.writeFileSync(task, original)
  const past = new Date(Date.now() - 86_400_000)
  fs.utimesSync(task, past, past)
  assert.match((await aqua.run(['help', 'steps'])).stdout, /^Leave three marks\n/)
})

test('a new task is there, a removed one is gone', async () => {
  const added = aqua.file('tasks', 'added.ts')
  fs.copyFileSync(aqua.file('tasks', 'look.ts'), added)
  assert.is((await aqua.run(['added'])).stdout, 'seen\n')
  fs.rmSync(added)
  assert.is((await aqua.run(['added'])).code, 2)
})

test('nothing changed: nothing is built', async () => {
  await aqua.run(['help'])
  const before = fs.statSync(stampFile)
  assert.is((await aqua.run(['look'])).code, 0)
  const after = fs.statSync(stampFile)
  assert.equal([after.mtimeMs, after.ino], [before.mtimeMs, before.ino])
})

test('a source that does not build is an error, and the old bundle does not run', async () => {
  fs.writeFileSync(task, `${original}\nconst = 1\n`)
  const broken = await aqua.run(['steps'])
  assert.is(broken.code, 3)
  assert.match(broken.stderr, 'steps.ts')
  assert.equal(aqua.lines('mark'), [])
  fs.writeFileSync(task, original)
  assert.is((await aqua.run(['steps'])).code, 0)
  const left = fs.readdirSync(aqua.root).filter((name) => name.startsWith('dist'))
  assert.equal(left, ['dist'])
})

test('two that find the same edit both run it', async () => {
  fs.writeFileSync(task, original.replace('Leave three marks', 'Leave five marks'))
  const all = await Promise.all([1, 2, 3].map(() => aqua.run(['help', 'steps'])))
  for (const { code, stdout, stderr } of all) {
    assert.is(code, 0, stderr)
    assert.match(stdout, /^Leave five marks\n/)
  }
})

/** This project as it is, with the tasks it has. */
function wholeCheckout(): Checkout {
  const whole = new Checkout()
  fs.rmSync(whole.file('tasks'), { recursive: true })
  for (const room of ['tasks', 'env', 'docker', 'backup', 'ci'])
    if (fs.existsSync(path.join(root, room)))
      fs.cpSync(path.join(root, room), whole.file(room), {
        recursive: true,
        filter: (from) => !/^\.env\.(dev|stage|prod)$/.test(path.basename(from)),
      })
  return whole
}
const whole = wholeCheckout()

test("this project's own tasks build in a checkout", async () => {
  const up = whole.file('tasks', 'up.ts')
  fs.writeFileSync(up, fs.readFileSync(up, 'utf8').replace(/summary: '.*'/, "summary: 'Edited just now'"))
  const { code, stdout, stderr } = await whole.run(['help', 'up-dev'])
  assert.is(code, 0, stderr)
  assert.match(stdout, /^Edited just now\n/)
  const missing = await whole.run(['up', 'stage', '--json'])
  assert.is(missing.code, 3, 'there is no env/.env.stage there')
})

test('--dry-run of the real tasks calls the engine for nothing that writes, and writes no file', async () => {
  const docker = path.join(whole.work, 'docker')
  fs.writeFileSync(docker, '#!/bin/sh\necho "$*" >> "$WORK/calls"\n', { mode: 0o755 })
  const env = { AQUA_DOCKER: docker, PATH: `${whole.work}:${process.env.PATH}` }
  assert.is((await whole.run(['env', 'init', 'dev', '--dry-run'])).code, 0)
  assert.not.ok(fs.existsSync(whole.file('env', '.env.dev')))
  assert.is((await whole.run(['env', 'init', 'dev'])).code, 0)
  const before = fs.readFileSync(whole.file('env', '.env.dev'), 'utf8')
  const secret = /^POSTGRES_PASSWORD=(.{16,})$/m.exec(before)?.[1]
  assert.ok(secret)
  for (const argv of [
    ['down'],
    ['down', '--volumes', '--yes'],
    ['up', 'dev'],
    ['up', 'dev', '--force'],
    ['build-images'],
    ['restart'],
  ]) {
    const ran = await whole.run([...argv, '--dry-run', '--json'], env)
    const { ok, steps } = envelope(ran)
    if (argv[0] === 'down') assert.ok(ok, ran.stdout)
    if (ok) assert.ok(steps.length > 0)
    assert.not.ok((ran.stdout + ran.stderr).includes(secret))
  }
  const writing = /\b(up|down|build|pull|push|rm|run|start|stop|restart|create|kill|exec|tag|load|import|prune)\b/
  assert.equal(
    whole.lines('calls').filter((call) => writing.test(call.replaceAll(whole.root, ''))),
    [],
  )
  await whole.run(['ps'], env)
  assert.ok(whole.lines('calls').length > 0, 'what the engine is called for is seen')
  assert.is(fs.readFileSync(whole.file('env', '.env.dev'), 'utf8'), before)
  assert.not.ok(fs.existsSync(whole.file('.aqua', 'jars.json')))
})

test.run()
