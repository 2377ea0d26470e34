import fs from 'node:fs'
import path from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { image, inCluster, startWorld, type World } from './restores.ts'
import { descendants, docker, eventually, json, program, refusal, start, startAqua } from './stack.ts'

let world: World
let set: string

const options = () => ({ env: world.env })
const drills = async () =>
  (await docker('ps', '-aq', '--filter', 'label=io.aquastream.aqua.drill')).split('\n').filter(Boolean)
const volumesOf = async (id: string) =>
  (await docker('inspect', '-f', '{{range .Mounts}}{{.Name}} {{end}}', id)).split(' ').filter(Boolean)
const volumes = async () => (await docker('volume', 'ls', '-q')).split('\n')

test.before(async () => {
  world = await startWorld('restore-drill')
  set = String((await json(['backup'], 0, options())).result.set)
})

test.after(() => world.remove())

test('a set comes out as it went in, and nothing is left of the drill', async () => {
  const before = await image(world.cluster)
  const { result } = await json(['backup', 'drill'], 0, options())
  const schemas = result.schemas as {
    schema: string
    rows: number
    foreignKeys: number
    views: number
    wrong: string[]
  }[]
  assert.is(result.set, set)
  assert.equal(schemas.map(({ schema }) => schema).sort(), [
    'crew',
    'event',
    'media',
    'notification',
    'payment',
    'user',
  ])
  assert.is(
    schemas.reduce((sum, { rows }) => sum + rows, 0),
    3353,
  )
  assert.is(
    schemas.reduce((sum, { foreignKeys }) => sum + foreignKeys, 0),
    6,
  )
  assert.is(
    schemas.reduce((sum, { views }) => sum + views, 0),
    7,
  )
  assert.equal(await drills(), [])
  assert.is(await image(world.cluster), before)
})

test('another number of rows than the manifest has: exit 5, and what differs', async () => {
  const file = path.join(world.store, `${set}.manifest.json`)
  const text = fs.readFileSync(file, 'utf8')
  const manifest = JSON.parse(text)
  manifest.rows.media.files = 99
  manifest.rows.media.gone = 1
  fs.writeFileSync(file, JSON.stringify(manifest))
  try {
    const error = await refusal(['backup', 'drill', set], 5, options())
    assert.is(error.code, 'DRILL_DIFFERS')
    assert.equal(error.details, ['media.files: 100 rows instead of 99', 'media.gone: no table rows instead of 1'])
  } finally {
    fs.writeFileSync(file, text)
  }
  assert.equal(await drills(), [])
})

test('a damaged archive: exit 5', async () => {
  const file = path.join(world.store, `media_${set}.dump.gz`)
  const good = fs.readFileSync(file)
  const bytes = gunzipSync(good)
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 40) ^ 1, bytes.length - 40)
  const zipped = gzipSync(bytes)
  fs.writeFileSync(
    file,
    Buffer.concat([zipped, Buffer.alloc(Math.max(0, good.length - zipped.length))]).subarray(0, good.length),
  )
  try {
    assert.is((await refusal(['backup', 'drill', set], 5, options())).code, 'ARCHIVE_DAMAGED')
  } finally {
    fs.writeFileSync(file, good)
  }
  assert.equal(await drills(), [])
})

test('old-style files drill too: their roles are made up, what they lack is left out', async () => {
  await inCluster(world.cluster, 'sh', '-c', 'pg_dump -Fc -n payment | gzip > /tmp/payment.gz')
  await docker('cp', `${world.cluster.id}:/tmp/payment.gz`, path.join(world.folder, 'payment_20261101.dump.gz'))
  const { result } = await json(['backup', 'drill', '20261101'], 0, options())
  assert.equal(
    (result.schemas as { schema: string; foreignKeys: number }[]).map(({ schema, foreignKeys }) => [
      schema,
      foreignKeys,
    ]),
    [['payment', 0]],
  )
})

async function begun() {
  const run = startAqua(['backup', 'drill', set], options())
  await eventually('the throwaway server runs', async () => (await drills()).length === 1)
  return run
}

test('Ctrl-C leaves nothing; what kill -9 leaves goes at the next drill', async () => {
  const interrupted = await begun()
  const made = await volumesOf((await drills())[0] ?? '')
  assert.is(made.length, 1, 'its data lie on a volume')
  interrupted.child.kill('SIGINT')
  assert.is((await interrupted.ended).code, 130)
  assert.equal(await drills(), [])
  const dead = await begun()
  for (const { pid } of [...descendants(), { pid: dead.pid }])
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Ended by itself.
    }
  await dead.ended
  made.push(...(await volumesOf((await drills())[0] ?? '')))
  assert.is(made.length, 2)
  const stranger = (
    await start([
      program,
      'run',
      '-d',
      '--name',
      'restore-drill-stranger',
      '--entrypoint',
      'sleep',
      '--label',
      'io.aquastream.aqua.drill=elsewhere:1',
      String(world.env.POSTGRES_IMAGE),
      '60',
    ]).ended
  ).stdout.trim()
  try {
    await json(['backup', 'drill', set], 0, options())
    assert.equal(
      (await drills()).map((id) => stranger.startsWith(id)),
      [true],
      'another machine’s is left alone',
    )
  } finally {
    await docker('rm', '-f', '-v', stranger)
  }
  const left = await volumes()
  assert.equal(
    made.filter((name) => left.includes(name)),
    [],
  )
})

test.run()
