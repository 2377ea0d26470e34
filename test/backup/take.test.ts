import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Destinations } from '../../backup/destinations.ts'
import { dumpCommand, dumpError } from '../../backup/dump.ts'
import { endDumpsSql, lockKey, takeBackupLock } from '../../backup/lock.ts'
import { manifestName } from '../../backup/manifest.ts'
import { tarPath } from '../../backup/objects.ts'
import type { Program } from '../../backup/postgres.ts'
import type { Session } from '../../backup/session.ts'
import { beginSet, unfinished } from '../../backup/unfinished.ts'
import { madeSet, put, Shelf } from './sets.ts'

const postgres = {
  command: (program: Program, args: readonly string[]) => ({ argv: [program, ...args], env: { PGAPPNAME: 'aqua' } }),
}

test('the dump of a schema: uncompressed, of the snapshot, its name quoted to the letter', () => {
  const command = dumpCommand(postgres, 'a"*.b', '00000003-1B-1', '20261123T200512Z')
  assert.equal(command.argv, [
    'pg_dump',
    ...['-Fc', '-Z0', '-w', '--strict-names', '--lock-wait-timeout=120000', '--snapshot=00000003-1B-1'],
    ...['-n', '"a""*.b"'],
  ])
  assert.is(command.env.PGAPPNAME, 'aqua backup: pg_dump 20261123T200512Z')
  assert.ok(String(command.env.PGAPPNAME).length < 64, 'the server keeps 63 bytes')
})

test('a failed dump: how it ended and what it said', () => {
  const killed = dumpError('user', null, '')
  assert.is(killed.message, 'pg_dump of schema user was killed')
  const failed = dumpError(
    'user',
    1,
    'pg_dump: error: query would be affected by row-level security policy for table "t"\n',
  )
  assert.match(failed.details.join(), 'row-level security')
  assert.match(failed.hint ?? '', 'BYPASSRLS')
  assert.is(dumpError('user', 127, '').exitCode, 3)
})

test('the lock is one of the database, whoever asks; only dumps of backups are ended', () => {
  assert.is(Buffer.from(lockKey.classId.toString(16), 'hex').toString(), 'aqua')
  assert.ok(lockKey.classId < 2 ** 31)
  assert.match(endDumpsSql(), "LIKE 'aqua backup: pg_dump %'")
  assert.match(endDumpsSql('20261123T200512Z'), "= 'aqua backup: pg_dump 20261123T200512Z'")
})

test('the lock tells its own server process, also where dumps of a dead run were ended', async () => {
  const answers: [RegExp, string[][]][] = [
    [/pg_try_advisory_lock/, [['t']]],
    // One row for every dump that was ended.
    [/pg_terminate_backend/, [['t'], ['t']]],
    [/pg_backend_pid/, [['4711']]],
  ]
  const asked = async (sql: string) =>
    answers
      .filter(([pattern]) => pattern.test(sql))
      .flatMap(([, rows]) => rows.map((row) => row.join('')))
      .join('\n')
  // As psql does: the results of several statements follow each other, a line break apart.
  const session = { query: async (sql: string) => [[await asked(sql)]] } as unknown as Session
  const io = { sleep: async () => {}, progress: () => {} }
  assert.is(await takeBackupLock(io, session, 0), '4711')
})

test('unfinished: ours, older, without a manifest; nothing else', () => {
  const now = '20261123T200512Z'
  const old = '20261122T200512Z'
  const whole = '20261121T200512Z'
  const ours = [`user_${old}.dump.gz`, `roles_${old}.sql.gz.age`, `aquastream-media_${old}.tar.zst`]
  const others = [
    ...[`user_${whole}.dump.gz`, manifestName(whole), `user_${now}.dump.gz`, 'user_20991122T200512Z.dump.gz'],
    ...['user_20240101.dump.gz', 'weekly_user_2024-05.dump.gz', 'notes.txt', `${old}.txt`, `user_${old}.dump.gz.bak`],
  ]
  assert.equal(unfinished([...ours, ...others], now), ours)
})

test('a set gets an id that no store has, and the leftovers of dead runs go', async () => {
  const [here, there] = [new Shelf(), new Shelf()]
  const { manifest, objects } = madeSet('2026-11-23T20:05:12Z')
  await put(there, objects)
  here.objects.set('user_20261101T000000Z.dump.gz', 'cut')
  let now = Date.parse('2026-11-23T20:05:12.300Z')
  const slept: number[] = []
  const io = {
    sleep: async (ms: number) => {
      slept.push(ms)
      now += ms
    },
  }
  const begun = await beginSet(io, () => new Date(now), new Destinations([here, there]))
  assert.equal(slept, [700])
  assert.is(begun.id, '20261123T200513Z')
  assert.equal([...here.objects.keys()], [])
  assert.is(there.objects.size, manifest.files.length + 1)
})

test('a list that cannot be read is no empty list', async () => {
  const store = new Shelf()
  store.fault = (operation) => (operation === 'list' ? new Error('unreadable') : undefined)
  store.objects.set('user_20261101T000000Z.dump.gz', 'cut')
  const begun = beginSet({ sleep: async () => {} }, () => new Date(), new Destinations([store]))
  assert.is(
    await begun.then(
      () => '',
      ({ message }) => message,
    ),
    'unreadable',
  )
  assert.is(store.objects.size, 1)
})

test('keys unpack inside the folder, and no two to one place', () => {
  const keys = ['a/b.jpg', '../up', 'a/../../up', '/root', 'a//b', 'a/', 'a', '.', '..', '']
  const paths = keys.map(tarPath)
  assert.is(new Set(paths).size, keys.length)
  for (const path of paths) {
    assert.match(path, /^objects\//)
    assert.not.match(path, /\/(\.{0,2})(\/|$)/)
  }
})

test.run()
