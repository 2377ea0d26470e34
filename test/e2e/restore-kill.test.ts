import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { image, startWorld, type World } from './restores.ts'
import { aqua, descendants, eventually, json, program, startAqua } from './stack.ts'
import { full, share, taken } from './sweep.ts'

/** The two states that a restore moves between, as sets and as what pg_dump says of the whole database. */
interface State {
  set: string
  image: string
}

let world: World
let old: State
let otherUser: State
let otherAll: State

const seed = Number(process.env.AQUA_TEST_SEED) || Date.now() % 1_000_000
let state = seed
/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
function random(): number {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
}

const words = (schema: string, set: string) => ['restore', schema, set, '--yes', '--no-safety']

async function takeSet(): Promise<State> {
  const { set } = (await json(['backup', '--no-prune'], 0, { env: world.env })).result
  return { set: String(set), image: await now() }
}

/** Right after a swap a new connection may be told that the name has just moved. */
async function now(): Promise<string> {
  for (let left = 3; ; left--)
    try {
      return await image(world.cluster)
    } catch (error) {
      if (left === 0 || !/renamed|shutting down|terminating/.test(String(error))) throw error
    }
}

async function restoreWhole(schema: string, to: State): Promise<number> {
  const { seconds } = await aqua(words(schema, to.set), 0, { env: world.env })
  assert.is(await now(), to.image, `restore ${schema} ${to.set}`)
  return seconds
}

test.before(async () => {
  world = await startWorld('restore-kill', 3)
  const { cluster } = world
  old = await takeSet()
  await cluster.sql(`UPDATE "user".users SET about = 'other'; DROP TABLE "user"."Odd ""Name"; CREATE TABLE "user".more (i int);
    INSERT INTO "user".users (email, kind, made) VALUES ('other@example.org', 'admin', now())`)
  otherUser = await takeSet()
  await cluster.sql(`UPDATE event.events SET title = 'other'; UPDATE payment.payments SET note = 'other';
    DELETE FROM media.files WHERE id % 2 = 0; DELETE FROM crew.crews; DROP TABLE notification.messages`)
  otherAll = await takeSet()
  await restoreWhole('all', old)
})

test.after(() => world.remove())

/** End aqua as kill -9 does: alone, its clients left to find out, or together with all that it started. */
async function killed(schema: string, to: State, afterMs: number, together: boolean): Promise<number | null> {
  const run = startAqua(words(schema, to.set), { env: world.env })
  const timer = setTimeout(() => {
    const clients = together ? descendants() : []
    run.child.kill('SIGKILL')
    for (const { pid } of clients)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Ended by itself.
      }
  }, afterMs)
  const { code } = await run.ended
  clearTimeout(timer)
  await eventually('no client is left', () => descendants().length === 0)
  return code
}

const times = full ? 25 : 8

async function killMany(schema: string, other: State): Promise<void> {
  let whole = (await restoreWhole(schema, other)) * 1000
  await restoreWhole(schema, old)
  let [at, goal] = [old, other]
  let cut = 0
  for (let i = 0; i < times; i++) {
    // Spread over the whole run, its beginning and its end included.
    const after = ((i + random()) / times) * whole
    const began = performance.now()
    const code = await killed(schema, goal, after, i % 2 === 0)
    if (code === null) cut += 1
    // The machine may have become quieter since the first run.
    else whole = Math.min(whole, performance.now() - began)
    const found = await now()
    const told = `seed ${seed}, kill ${i} after ${Math.round(after)} of ${Math.round(whole)} ms, exit ${code}`
    assert.ok(found === at.image || found === goal.image, `wholly old or wholly new: ${told}`)
    if (code === 0) assert.is(found, goal.image, told)
    if (found === goal.image) [at, goal] = [goal, at]
    if (i % 5 === 4) {
      whole = (await restoreWhole(schema, goal)) * 1000
      ;[at, goal] = [goal, at]
    }
  }
  assert.ok(cut > times / 2, `only ${cut} of ${times} runs were cut off`)
  process.stdout.write(`  ${schema}: ${cut} of ${times} runs cut off within ${Math.round(whole)} ms\n`)
  await restoreWhole(schema, old)
}

test(`one schema, killed ${times} times: wholly old or wholly new, and the next restore succeeds`, () =>
  killMany('user', otherUser))

test(`all schemas, killed ${times} times: wholly old or wholly new, and the next restore succeeds`, async () => {
  await killMany('all', otherAll)
  await json(['restore', '--drop-old', '--yes'], 0, { env: world.env })
  const left = await world.cluster.sql("SELECT datname FROM pg_database WHERE datname LIKE 'aquastream_%'")
  assert.is(left, '', 'nothing half-made is left')
})

const faults = ['fails', 'is cut off', 'says it failed'] as const

/** In place of docker: the n-th call fails before it begins, is killed on its way, or works and says that it did not. */
function faultyDocker(folder: string): string {
  const file = path.join(folder, 'docker')
  const script = `#!/bin/sh
n=1
while ! mkdir "$FAULT_CALLS/$n" 2>/dev/null; do n=$((n + 1)); done
[ "$n" = "$FAULT_AT" ] || exec ${program} "$@"
case $FAULT in
  fails) echo 'fault' >&2; exit 1 ;;
  'is cut off') exec 3<&0; ${program} "$@" <&3 & sleep 0.15; kill -9 $!; exit 137 ;;
  *) ${program} "$@"; exit 1 ;;
esac
`
  fs.writeFileSync(file, script, { mode: 0o755 })
  return file
}

async function sweepFaults(schema: string, other: State): Promise<void> {
  const wrapper = faultyDocker(world.folder)
  await restoreWhole(schema, old)
  let [at, goal] = [old, other]
  let loud = 0
  for (let n = 1; ; n++) {
    if (!taken(n)) continue
    const calls = fs.mkdtempSync(path.join(world.folder, 'calls-'))
    const fault = faults[(n + Math.floor(n / faults.length)) % faults.length] ?? 'fails'
    const env = { ...world.env, AQUA_DOCKER: wrapper, FAULT_CALLS: calls, FAULT_AT: String(n), FAULT: fault }
    const { code, stderr } = await startAqua(words(schema, goal.set), { env }).ended
    const told = `call ${n} ${fault}, exit ${code}: ${stderr.slice(-600)}`
    const found = await now()
    assert.ok(found === at.image || found === goal.image, `wholly old or wholly new: ${told}`)
    if (code === 0) assert.is(found, goal.image, told)
    else {
      loud += 1
      assert.match(stderr, 'aqua: error:', told)
    }
    if (found === goal.image) [at, goal] = [goal, at]
    if (fs.readdirSync(calls).length < n) break
  }
  assert.ok(loud >= share(12), `${loud} faults were loud`)
  process.stdout.write(`  ${schema}: ${loud} faults were loud\n`)
  await restoreWhole(schema, old)
}

test('a fault at calls of docker, one schema: loud, or restored', () => sweepFaults('user', otherUser))
test('a fault at calls of docker, all schemas: loud, or restored', async () => {
  await sweepFaults('all', otherAll)
  await json(['restore', '--drop-old', '--yes'], 0, { env: world.env })
  const left = await world.cluster.sql("SELECT datname FROM pg_database WHERE datname LIKE 'aquastream_%'")
  assert.is(left, '', 'nothing half-made is left')
})

test.run()
