import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { alive, Checkout, envelope, eventually } from './checkout.ts'

const aqua = new Checkout()
test.before(async () => {
  // Builds the bundle: what follows measures signals, not esbuild.
  await aqua.run(['help'])
})
const pids = () => aqua.lines('pids').map(Number)
test.before.each(() => aqua.clear())
test.after.each(() => {
  for (const pid of pids()) if (alive(pid)) process.kill(pid, 'SIGKILL')
})

async function begin(child: string, count = 1) {
  const run = aqua.start(['leak-hang', child, '--json'])
  await eventually(() => pids().length === count)
  const kill = (name: NodeJS.Signals) => run.child.kill(name)
  return { ...run, kill }
}
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const gone = () => pids().every((pid) => !alive(pid))

test('Ctrl-C: the child ends, what was begun is undone once and backwards, 130', async () => {
  const { ended, kill } = await begin('gives')
  assert.ok(pids().every(alive))
  kill('SIGINT')
  const ran = await ended
  assert.is(ran.code, 130)
  assert.ok(gone())
  assert.equal(aqua.lines('mark'), ['undo child', 'undo first'])
  const { ok, steps, error } = envelope(ran)
  assert.equal([ok, error?.code, error?.exitCode], [false, 'INTERRUPTED', 130])
  assert.equal(
    (steps as { state: string }[]).map(({ state }) => state),
    ['done', 'interrupted'],
  )
})

test('SIGTERM: the same with 143', async () => {
  const { ended, kill } = await begin('gives')
  kill('SIGTERM')
  const ran = await ended
  assert.equal([ran.code, envelope(ran).error?.exitCode], [143, 143])
  assert.ok(gone())
  assert.equal(aqua.lines('mark'), ['undo child', 'undo first'])
})

test('two within a second are one: the child may finish, and is told once', async () => {
  const { ended, kill } = await begin('slow')
  kill('SIGINT')
  await pause(150)
  kill('SIGINT')
  assert.is((await ended).code, 130)
  assert.equal(aqua.lines('mark'), ['stopped', 'undo child', 'undo first'])
  assert.ok(gone())
})

test('one after more than a second kills a child that does not listen', async () => {
  const { ended, kill } = await begin('ignores')
  kill('SIGINT')
  await pause(1200)
  assert.ok(pids().every(alive), 'the first alone leaves it its time')
  const second = Date.now()
  kill('SIGINT')
  assert.is((await ended).code, 130)
  assert.ok(Date.now() - second < 3000)
  await eventually(gone)
})

test('a grandchild that ignores SIGINT is not left behind', async () => {
  const { ended, kill } = await begin('family', 2)
  kill('SIGINT')
  assert.is((await ended).code, 130)
  await eventually(gone, 2000)
})

test('when aqua itself is killed by a bug or exits, no child stays', async () => {
  const { ended, kill } = await begin('gives')
  kill('SIGHUP')
  assert.is((await ended).code, 143)
  await eventually(gone)
})

test.run()
