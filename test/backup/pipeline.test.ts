import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable, Writable } from 'node:stream'
import zlib from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Destinations } from '../../backup/destinations.ts'
import type { Source } from '../../backup/dump.ts'
import { storeFile } from '../../backup/pipeline.ts'
import { LocalStore } from '../../backup/store/local.ts'
import type { Store, Upload } from '../../backup/store/store.ts'
import type { Io } from '../../scripts/step.ts'
import { withIo } from '../e2e/cluster.ts'

let folder: string
test.before.each(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-pipeline-'))
})
test.after.each(() => fs.rmSync(folder, { recursive: true }))

const mebibyte = 1024 * 1024
/** Of what `seq 1000000` prints. */
const sha256OfSeq = '90433fcbd9e16297e6a7c1dacb1056394743194776e52f78ebf0a44b80b6b14f'
const file = { kind: 'schema' as const, subject: 'user', id: '20261123T200512Z' }
const name = 'user_20261123T200512Z.dump.gz'
const gzip = { compression: 'gzip' as const, recipients: [] }
const plain = { compression: 'none' as const, recipients: [] }

function io(signal = new AbortController().signal) {
  const stream = () => {
    throw new Error('no program is needed')
  }
  return { stream, signal }
}

function source(data: Iterable<Buffer>, finished: Promise<void> = Promise.resolve()): Source & { stopped: boolean } {
  finished.catch(() => {})
  const made = {
    readable: Readable.from(data),
    finished,
    stopped: false,
    stop() {
      made.stopped = true
    },
  }
  return made
}

const local = (where: string) => new LocalStore(path.join(folder, where), { make: true })
const names = (where: string) =>
  fs.existsSync(path.join(folder, where)) ? fs.readdirSync(path.join(folder, where)) : []

/** A store whose uploads do what `write` does with each chunk. */
function failing(
  store: Store,
  change: Partial<Upload> & { write?: (bytes: number, done: (error?: Error) => void) => void },
): Store {
  let taken = 0
  const create = async (object: string): Promise<Upload> => {
    const upload = await store.create(object)
    const { write } = change
    const writable = write
      ? new Writable({
          write(chunk: Buffer, _, done) {
            taken += chunk.length
            write(taken, done)
          },
        })
      : upload.writable
    return { writable, commit: change.commit ?? (() => upload.commit()), abort: () => upload.abort() }
  }
  return Object.assign(Object.create(store) as Store, { create })
}

test('what is measured is what lies there', async () => {
  const data = [randomBytes(3 * mebibyte), Buffer.alloc(2 * mebibyte), Buffer.from('end')]
  const store = local('a')
  const seen: number[] = []
  const result = await storeFile(
    io(),
    () => source(data),
    file,
    gzip,
    new Destinations([store]),
    (n) => seen.push(n),
  )
  const stored = fs.readFileSync(path.join(folder, 'a', name))
  assert.equal(names('a'), [name])
  assert.is(result.name, name)
  assert.is(result.plainBytes, 5 * mebibyte + 3)
  assert.is(seen.at(-1), result.plainBytes)
  assert.equal(result.stored, { bytes: stored.length, sha256: createHash('sha256').update(stored).digest('hex') })
  assert.equal(result.compressed, result.stored)
  assert.ok(zlib.gunzipSync(stored).equals(Buffer.concat(data)))
})

test('a producer that fails after its last byte: its reason, and nothing is there', async () => {
  for (const data of [[], [randomBytes(100)], [randomBytes(5 * mebibyte)]]) {
    const made = source(data, Promise.reject(new Error('exit 1')))
    const stored = storeFile(
      io(),
      () => made,
      file,
      gzip,
      new Destinations([local('a')]),
      () => {},
    )
    const error = await stored.then(
      () => undefined,
      (reason: Error) => reason,
    )
    assert.is(error?.message, 'exit 1')
    assert.equal(names('a'), [])
  }
})

test('the end is held back until the producer is done', async () => {
  let finish = () => {}
  const finished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const stored = storeFile(
    io(),
    () => source([Buffer.from('x')], finished),
    file,
    plain,
    new Destinations([local('a')]),
    () => {},
  )
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.is(names('a').filter((one) => !one.startsWith('.')).length, 0)
  finish()
  await stored
  assert.equal(names('a'), ['user_20261123T200512Z.dump'])
})

/** A program's output as the source of a schema. */
function ofProgram(io: Pick<Io, 'stream'>, script: string): Source & { ended: Promise<unknown> } {
  const command = io.stream(['sh', '-c', script])
  const finished = command.ended.then(({ code }) => {
    if (code !== 0) throw new Error(`exit ${code}`)
  })
  finished.catch(() => {})
  const { stdout: readable, ended } = command
  return { readable, ofProgram: true, finished, stop: () => command.kill(), ended }
}

test('zstd reads from a program itself: as whole, as measured, as loud', () =>
  withIo(async (own) => {
    const take = (io: Pick<Io, 'stream'>, script: string) => {
      let source: ReturnType<typeof ofProgram> | undefined
      const start = () => {
        source = ofProgram(own, script)
        return source
      }
      const packing = { compression: 'zstd' as const, recipients: [] }
      const stored = storeFile(
        { ...io, signal: own.signal },
        start,
        file,
        packing,
        new Destinations([local('a')]),
        () => {},
      )
      return stored.then(
        (result) => ({ result, error: '' }),
        async ({ message }: Error) => {
          // Nobody reads any more: it has been told.
          await source?.ended
          return { result: undefined, error: message }
        },
      )
    }
    const { result } = await take(own, 'seq 1000000')
    const stored = fs.readFileSync(path.join(folder, 'a', 'user_20261123T200512Z.dump.zst'))
    const plain = spawnSync('zstd', ['-dqc'], { input: stored, maxBuffer: 1 << 26 }).stdout
    assert.is(createHash('sha256').update(plain).digest('hex'), sha256OfSeq)
    assert.is(result?.plainBytes, plain.length)
    assert.is(result?.compressed.bytes, stored.length)
    fs.rmSync(path.join(folder, 'a'), { recursive: true })
    for (const script of ['exit 3', 'seq 1000000; exit 3', 'echo x; sleep 0.2; exit 3']) {
      assert.is((await take(own, script)).error, 'exit 3', script)
      assert.equal(names('a'), [], script)
    }
    if ('createZstdCompress' in zlib) return
    const other = (argv: string[]) => ({
      stream: (_: readonly string[], options?: object) => own.stream(argv, options),
    })
    assert.match((await take(other(['no-such-program']), 'yes')).error, 'no zstd')
    assert.match((await take(other(['sh', '-c', 'head -c 100; exit 9']), 'yes')).error, 'zstd exited with 9')
    assert.match((await take(other(['cat']), 'seq 9')).error, 'did not say')
    assert.equal(names('a'), [])
  }))

test('one of two stores fails anywhere: the other has the whole file, the first has nothing', async () => {
  const data = () => source(Array.from({ length: 32 }, () => randomBytes(256 * 1024)))
  const faults: ((store: Store) => Store)[] = [
    (store) => Object.assign(Object.create(store), { create: () => Promise.reject(new Error('no')) }),
    (store) => failing(store, { write: (_, done) => done(new Error('no')) }),
    (store) => failing(store, { write: (taken, done) => (taken > 3 * mebibyte ? done(new Error('no')) : done()) }),
    (store) => failing(store, { commit: () => Promise.reject(new Error('no')) }),
  ]
  for (const [nth, fault] of faults.entries()) {
    const [good, bad] = [local(`good${nth}`), fault(local(`bad${nth}`))]
    for (const stores of [[good, bad], [bad]]) {
      const destinations = new Destinations(stores)
      const stored = storeFile(io(), data, file, plain, destinations, () => {})
      if (stores.length === 1) {
        assert.is(
          await stored.then(
            () => '',
            ({ message }) => message,
          ),
          'no',
        )
      } else {
        const result = await stored
        assert.is(fs.statSync(path.join(folder, `good${nth}`, result.name)).size, 8 * mebibyte)
        assert.equal([...destinations.failures.keys()], [bad])
        assert.match(destinations.partial('x')?.message ?? '', 'not in')
        await destinations.clear(stores)
        assert.equal(names(`good${nth}`), [])
      }
      assert.equal(names(`bad${nth}`), [])
    }
  }
})

test('the slowest store sets the pace: little is read ahead', async () => {
  let given = 0
  function* endless() {
    for (;;) {
      given += 64 * 1024
      yield Buffer.alloc(64 * 1024)
    }
  }
  const controller = new AbortController()
  const stuck = failing(local('stuck'), { write: () => {} })
  const made = source(endless())
  const stored = storeFile(
    io(controller.signal),
    () => made,
    file,
    plain,
    new Destinations([local('a'), stuck]),
    () => {},
  )
  stored.catch(() => {})
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.ok(given < 8 * mebibyte, `${given} bytes were read`)
  controller.abort()
  await stored.then(
    () => assert.unreachable(),
    () => {},
  )
  assert.ok(made.stopped)
  assert.equal([...names('a'), ...names('stuck')], [])
})

test.run()
