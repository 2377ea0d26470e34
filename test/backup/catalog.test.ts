import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type BackupSet, findSet, listSets, parseFileName } from '../../backup/catalog.ts'
import { fileName, manifestName } from '../../backup/manifest.ts'
import { isAquaError } from '../../scripts/error.ts'
import { madeSet, put, Shelf } from './sets.ts'

const code = (wanted: string) => (error: unknown) => isAquaError(error) && error.code === wanted
const rejects = async (work: Promise<unknown>, wanted: string) => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(code(wanted)(error), `${error}`)
}

async function shelf(...moments: (string | [string, Parameters<typeof madeSet>[1]])[]): Promise<Shelf> {
  const store = new Shelf()
  for (const moment of moments) {
    const [at, made] = typeof moment === 'string' ? [moment, {}] : moment
    await put(store, madeSet(at, made).objects)
  }
  return store
}
const only = async (store: Shelf): Promise<BackupSet> => {
  const sets = await listSets(store)
  assert.is(sets.length, 1)
  return sets[0] as BackupSet
}

test('newest first by the moment in the manifest; files with what they hold', async () => {
  const store = await shelf('2026-11-21T02:17:00Z', '2026-11-23T02:17:00Z', '2026-11-22T02:17:00Z')
  const sets = await listSets(store)
  assert.equal(
    sets.map(({ id, state }) => [id, state]),
    ['20261123T021700Z', '20261122T021700Z', '20261121T021700Z'].map((id) => [id, 'complete']),
  )
  assert.equal(sets[0]?.files, [
    { name: 'event_20261123T021700Z.dump.gz', bytes: 10, kind: 'schema', subject: 'event' },
    { name: 'roles_20261123T021700Z.sql.gz', bytes: 10, kind: 'roles', subject: '' },
    { name: 'user_20261123T021700Z.dump.gz', bytes: 10, kind: 'schema', subject: 'user' },
  ])
  assert.equal(sets[0]?.manifest?.rows.user, { things: 3 })
})

test('every name that a backup gives can be read back', () => {
  const id = '20261123T021700Z'
  for (const compression of ['gzip', 'zstd', 'none'] as const)
    for (const encrypted of [true, false])
      for (const [kind, subject] of [
        ['schema', 'user'],
        ['schema', 'roles'],
        ['schema', 'a_b_20261123T021700Z'],
        ['roles', ''],
        ['bucket', 'a.b-c'],
      ] as const)
        assert.equal(parseFileName(fileName(kind, subject, id, compression, encrypted)), { id, kind, subject })
  for (const foreign of [
    'user_20261323T021700Z.dump',
    '../user_20261123T021700Z.dump',
    'user_20261123T021700Z.dump.bz2',
    'README',
  ])
    assert.is(parseFileName(foreign), undefined, foreign)
})

test('files without a manifest are unfinished, not a set to restore', async () => {
  const store = await shelf('2026-11-21T02:17:00Z')
  store.objects.delete(manifestName('20261121T021700Z'))
  const set = await only(store)
  assert.equal([set.state, set.problem, set.files.length], ['incomplete', 'no manifest', 3])
  assert.throws(() => findSet([set], 'latest'), code('NO_SET'))
})

test('a missing file and one of another size make a set incomplete, by name', async () => {
  const store = await shelf('2026-11-21T02:17:00Z')
  store.objects.delete('user_20261121T021700Z.dump.gz')
  assert.equal((await only(store)).missing, ['user_20261121T021700Z.dump.gz'])
  store.objects.set('user_20261121T021700Z.dump.gz', 'short')
  const set = await only(store)
  assert.equal([set.state, set.missing.length], ['incomplete', 1])
  assert.match(set.problem ?? '', 'user_20261121T021700Z.dump.gz has 5 bytes instead of 10')
})

test('a manifest that is broken, of another set or names foreign files says so', async () => {
  const name = manifestName('20261121T021700Z')
  const broken = async (text: string) => {
    const store = await shelf('2026-11-21T02:17:00Z')
    store.objects.set(name, text)
    return only(store)
  }
  const { manifest } = madeSet('2026-11-21T02:17:00Z')
  const [first] = manifest.files
  const bad: [string, RegExp][] = [
    ['', /no JSON/],
    ['null', /no object/],
    [JSON.stringify(manifest).slice(0, 200), /no JSON/],
    [JSON.stringify({ ...manifest, id: '20261122T021700Z' }), /another set/],
    [JSON.stringify({ ...manifest, takenAt: 'yesterday' }), /no moment/],
    [JSON.stringify({ ...manifest, files: [] }), /not of its set/],
    [JSON.stringify({ ...manifest, rows: null }), /row counts/],
    [JSON.stringify({ ...manifest, files: [{ ...first, name: '../../etc/passwd' }] }), /not of its set/],
    [JSON.stringify({ ...manifest, files: [{ ...first, name: 'user_20261122T021700Z.dump.gz' }] }), /not of its set/],
  ]
  for (const [text, problem] of bad) {
    const set = await broken(text)
    assert.equal([set.state, set.manifest], ['incomplete', undefined], text)
    assert.match(set.problem ?? '', problem)
  }
})

test('a newer layout is refused by name; an unreadable list or manifest is an error, not an empty list', async () => {
  const store = await shelf('2026-11-21T02:17:00Z')
  const { manifest } = madeSet('2026-11-22T02:17:00Z')
  store.objects.set(manifestName(manifest.id), JSON.stringify({ ...manifest, format: 2 }))
  await rejects(listSets(store), 'MANIFEST_NEWER')
  for (const operation of ['list', 'read']) {
    const failing = await shelf('2026-11-21T02:17:00Z')
    failing.fault = (what) => (what === operation ? new Error('403') : undefined)
    let failed = false
    await listSets(failing).catch(() => {
      failed = true
    })
    assert.ok(failed, operation)
  }
})

test('old-style files are listed by day, ISO week and month; foreign objects are passed over', async () => {
  const store = new Shelf()
  const names = [
    'user_20261123.dump.gz',
    'event_20261123.dump.gz',
    'user_20261123.dump',
    'weekly_user_2026-53.dump.gz',
    'weekly_user_2027-01.dump.gz',
    'monthly_user_2026-11.dump.gz',
  ]
  const foreign = [
    'user_20261301.dump.gz',
    'weekly_user_2026-54.dump.gz',
    'notes.txt',
    'x/user_20261123.dump.gz',
    '.manifest.json',
    'a.manifest.json',
  ]
  for (const name of [...names, ...foreign]) await store.write(name, 'x')
  const sets = await listSets(store)
  assert.equal(
    sets.map(({ id, takenAt, state, files }) => [id, takenAt.toISOString().slice(0, 10), state, files.length]),
    [
      ['weekly_2027-01', '2027-01-04', 'old-style', 1],
      ['weekly_2026-53', '2026-12-28', 'old-style', 1],
      ['20261123.dump', '2026-11-23', 'old-style', 1],
      ['20261123', '2026-11-23', 'old-style', 2],
      ['monthly_2026-11', '2026-11-01', 'old-style', 1],
    ],
  )
  assert.equal(
    findSet(sets, '20261123').files.map(({ subject }) => subject),
    ['event', 'user'],
  )
})

test('a set is found as latest, by id, label or beginning; else the nearest is named', async () => {
  const sets = await listSets(
    await shelf('2026-11-21T02:17:00Z', ['2026-11-22T02:17:00Z', { label: 'before-2.0' }], '2026-11-22T12:00:00Z'),
  )
  assert.is(findSet(sets, 'latest').id, '20261122T120000Z')
  assert.is(findSet([...sets].reverse(), 'latest').id, '20261122T120000Z')
  assert.is(findSet(sets, '20261121T021700Z').id, '20261121T021700Z')
  assert.is(findSet(sets, '20261121').id, '20261121T021700Z')
  assert.is(findSet(sets, 'before-2.0').id, '20261122T021700Z')
  assert.throws(() => findSet(sets, '20261122'), code('SET_AMBIGUOUS'))
  assert.throws(() => findSet(sets, ''), code('NO_SET'))
  assert.throws(
    () => findSet(sets, 'before-2.1'),
    (error: unknown) => isAquaError(error) && error.hint === 'did you mean before-2.0?',
  )
  assert.is(findSet([...sets, ...sets], '20261121').id, '20261121T021700Z', 'the same set in two stores is one')
  assert.throws(() => findSet([], 'latest'), code('NO_SET'))
})

test.run()
