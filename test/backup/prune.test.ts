import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { build } from 'esbuild'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { listSets } from '../../backup/catalog.ts'
import { parsePolicy } from '../../backup/keep.ts'
import { manifestName } from '../../backup/manifest.ts'
import { prune } from '../../backup/prune.ts'
import { LocalStore } from '../../backup/store/local.ts'
import type { Store } from '../../backup/store/store.ts'
import { AquaError, isAquaError } from '../../scripts/error.ts'
import { type Made, madeSet, put, Shelf } from './sets.ts'

declare const __ROOT__: string

const now = new Date('2026-11-23T12:00:00Z')
const io = { progress() {}, signal: new AbortController().signal }
const policy = parsePolicy('daily=2')
const hours = (n: number) => new Date(now.getTime() - n * 3_600_000)
const foreign = [
  'README',
  'notes_2026.dump.bak',
  'user_20200101.dump.gz',
  'other.manifest.json',
  'weekly_user_2019-07.dump.gz',
]

/** Five nights, one of them labelled, foreign files beside them, and unfinished work of long ago. */
async function fill(store: Store, extra: [Date, Made][] = []): Promise<string[]> {
  const made = [
    ...[3, 27, 51, 75, 99].map((ago): [Date, Made] => [hours(ago), ago === 75 ? { label: 'kept' } : {}]),
    ...extra,
  ]
  for (const [at, what] of made) await put(store, madeSet(at, what).objects)
  const { manifest, objects } = madeSet(hours(200))
  await put(
    store,
    [...objects].filter(([name]) => name !== manifestName(manifest.id)),
  )
  for (const name of foreign) await store.write(name, 'not ours')
  return [3, 27, 75].map((ago) => madeSet(hours(ago)).manifest.id)
}

const complete = async (store: Store) =>
  (await listSets(store))
    .filter(({ state }) => state === 'complete')
    .map(({ id }) => id)
    .sort()
const names = async (store: Store) => (await store.list()).map(({ name }) => name).sort()

async function failure(work: Promise<unknown>): Promise<AquaError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(isAquaError(error), `${error}`)
  return error as AquaError
}

function folder(): string {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-prune-'))
  process.once('exit', () => fs.rmSync(made, { recursive: true, force: true }))
  return made
}
const local = (where = folder()) => new LocalStore(path.join(where, 'dev'), { make: false })

test('what the policy keeps stays whole, the rest is gone, foreign objects are as they were', async () => {
  const store = local()
  const kept = await fill(store)
  const dry = await prune(io, store, policy, { dryRun: true, now })
  assert.equal(dry.removed, [])
  assert.is((await complete(store)).length, 5, 'a dry run removes nothing')
  const { removed, bytes } = await prune(io, store, policy, { dryRun: false, now })
  assert.equal([removed.length, bytes], [3, 9 * 10])
  assert.equal(await complete(store), [...kept].sort())
  const left = await names(store)
  assert.equal(
    left.filter((name) => foreign.includes(name)),
    [...foreign].sort(),
  )
  assert.is(left.length, foreign.length + 3 * 4, 'and nothing else')
  assert.equal(
    (await prune(io, store, policy, { dryRun: false, now })).removed,
    [],
    'a second time there is nothing to do',
  )
})

test('a list or a manifest that cannot be read is an error, and nothing is removed', async () => {
  for (const operation of ['list', 'read']) {
    const store = new Shelf()
    await fill(store)
    store.fault = (what) => (what === operation ? new AquaError('STORE', '500') : undefined)
    await failure(prune(io, store, policy, { dryRun: false, now }))
    assert.not.ok(
      store.calls.some((call) => call.startsWith('remove')),
      operation,
    )
  }
})

test('a set that is locked stays whole and is named; the others go', async () => {
  const store = new Shelf()
  await fill(store)
  const locked = madeSet(hours(99)).manifest.id
  store.fault = (what, name) =>
    what === 'remove' && name.includes(locked) ? new AquaError('LOCKED', `${name} is locked`) : undefined
  const error = await failure(prune(io, store, policy, { dryRun: false, now }))
  assert.match(error.message, '1 of 3 sets could not be removed')
  assert.match(error.details.join(), `${locked}: ${manifestName(locked)} is locked`)
  assert.equal(await complete(store), [3, 27, 75, 99].map((ago) => madeSet(hours(ago)).manifest.id).sort())
})

test('an interruption stops between two sets', async () => {
  const store = new Shelf()
  await fill(store)
  const controller = new AbortController()
  store.fault = (what) => {
    if (what === 'remove') controller.abort(new AquaError('INTERRUPTED', 'interrupted'))
    return undefined
  }
  await failure(prune({ ...io, signal: controller.signal }, store, policy, { dryRun: false, now }))
  assert.is((await complete(store)).length, 5, 'the unfinished one went first')
})

/** Prunes a folder in a process of its own, which kills itself before the nth removal, or gives up root first. */
const script = path.join(folder(), 'prune.mjs')
async function compiled(): Promise<string> {
  if (fs.existsSync(script)) return script
  await build({
    stdin: {
      contents: `import { prune } from './backup/prune.ts'
        import { parsePolicy } from './backup/keep.ts'
        import { LocalStore } from './backup/store/local.ts'
        const [, , folder, at, nth, uid] = process.argv
        if (uid) process.setuid(Number(uid))
        const store = new LocalStore(folder, { make: false })
        const remove = store.remove.bind(store)
        let left = Number(nth)
        store.remove = async (name) => {
          if (left-- === 0) process.kill(process.pid, 'SIGKILL')
          await remove(name)
        }
        const io = { progress() {}, signal: new AbortController().signal }
        prune(io, store, parsePolicy('daily=2'), { dryRun: false, now: new Date(at) }).then(
          ({ removed }) => console.log(removed.length),
          (error) => { console.error(error.message, error.details); process.exitCode = error.exitCode ?? 99 },
        )`,
      resolveDir: __ROOT__,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile: script,
    logLevel: 'error',
  })
  // Its packages are found from where it lies.
  fs.symlinkSync(path.join(__ROOT__, 'node_modules'), path.join(path.dirname(script), 'node_modules'))
  return script
}
async function apart(
  where: string,
  at: Date,
  nth = 1e9,
  uid = '',
): Promise<{ code: number | null; signal: string | null; said: string }> {
  const child = spawn(process.execPath, [await compiled(), where, at.toISOString(), String(nth), uid])
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data) => {
      said += data
    })
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal, said })))
}

test('killed before any of its removals, the next run completes it and no good set is lost', async () => {
  const removals = 3 * 4 - 1
  for (let nth = 0; nth < removals; nth++) {
    const store = local()
    const kept = await fill(store)
    const { signal } = await apart(store.where, now, nth)
    assert.is(signal, 'SIGKILL', `${nth}`)
    const sets = await listSets(store)
    assert.ok(
      sets.every(({ state, problem }) => state !== 'incomplete' || problem === 'no manifest'),
      'none looks like a damaged set',
    )
    const good = await complete(store)
    for (const id of kept) assert.ok(good.includes(id), `${id} after ${nth}`)
    const { code, said } = await apart(store.where, now)
    assert.is(code, 0, said)
    assert.equal(await complete(store), [...kept].sort())
    assert.is((await names(store)).length, foreign.length + 3 * 4, `all is gone after ${nth}`)
  }
})

test('a folder that cannot be written is an error with every set whole', async () => {
  const asRoot = process.getuid?.() === 0
  const store = local()
  await fill(store)
  for (let one = store.where; one !== os.tmpdir(); one = path.dirname(one)) fs.chmodSync(one, 0o755)
  for (const name of fs.readdirSync(store.where)) fs.chmodSync(path.join(store.where, name), 0o644)
  fs.chmodSync(path.dirname(await compiled()), 0o755)
  fs.chmodSync(store.where, 0o555)
  const { code, said } = await apart(store.where, now, 1e9, asRoot ? '65534' : '')
  fs.chmodSync(store.where, 0o755)
  assert.is(code, 1, said)
  assert.match(said, '3 of 3 sets could not be removed')
  assert.is((await complete(store)).length, 5)
})

test.run()
