import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { thirdPartyImages } from '../../docker/images/catalogue.ts'
import { begunIn, changeSet, changeSetsOfSql, pendingIn } from '../../docker/liquibase/changesets.ts'
import { changeLogOf, liquibaseCommand } from '../../docker/liquibase/command.ts'
import { credentials } from '../../docker/liquibase/credentials.ts'
import { liquibaseError } from '../../docker/liquibase/failure.ts'
import { type Holder, holderOf, lockedError, mayBeAtWork } from '../../docker/liquibase/locks.ts'
import { migrating, verbs } from '../../docker/liquibase/verbs.ts'
import { Secret } from '../../scripts/secret.ts'
import type { CommandResult, Io } from '../../scripts/step.ts'
import liquibase from '../../tasks/liquibase.ts'
import { root } from './fixture.ts'

const user = migrating.find(({ short }) => short === 'user') as (typeof migrating)[number]
const workspace = { root: path.join(root, 'example'), because: '', example: true }
const file = 'migration/liquibase/sql/0001_users.sql'

const run = {
  docker: 'docker',
  image: 'aqua/liquibase:5.0.4',
  project: 'p',
  name: 'aqua-liquibase-user-0',
  service: user,
  changeLog: changeLogOf(workspace, user),
  database: { name: 'aquastream', credentials: { role: 'backend_user', password: new Secret('open sesame') } },
  settings: {},
}

test('the command holds no value of a credential, and the schema is quoted by nobody', () => {
  const { argv, env } = liquibaseCommand(run, ['update'])
  assert.not.match(argv.join(' '), /sesame|backend_user|jdbc/)
  assert.equal(
    argv.filter((_, i) => argv[i - 1] === '-e'),
    ['LIQUIBASE_COMMAND_URL', 'LIQUIBASE_COMMAND_USERNAME', 'LIQUIBASE_COMMAND_PASSWORD'],
  )
  assert.match(String(env.LIQUIBASE_COMMAND_URL), 'jdbc:postgresql://postgres:5432/aquastream?currentSchema=user&')
  assert.ok(env.LIQUIBASE_COMMAND_PASSWORD instanceof Secret)
  assert.ok(argv.includes('--liquibase-schema-name=user'))
  assert.ok(argv.includes('--changelog-file=migration/liquibase/master.xml'))
  assert.not.ok(argv.some((word) => word.startsWith('--default-schema-name')))
})

test('a workspace may have a comma or quotes in its name', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-a,"b"-'))
  const { argv } = liquibaseCommand({ ...run, changeLog: { folder, file: 'master.xml' } }, ['status'])
  fs.rmdirSync(folder)
  assert.is(
    argv[argv.indexOf('--mount') + 1],
    `type=bind,"source=${folder.replaceAll('"', '""')}",target=/changelog,readonly`,
  )
})

test('offline there is no network, no credential and no database', () => {
  const { argv, env } = liquibaseCommand({ ...run, database: undefined }, ['status'])
  assert.equal(Object.keys(env), ['LIQUIBASE_COMMAND_URL'])
  assert.is(argv[argv.indexOf('--network') + 1], 'none')
})

test('a change log that is not there is named before anything starts', () => {
  assert.throws(
    () => changeLogOf({ ...workspace, root: path.join(root, 'env') }, user),
    (error: { code: string }) => error.code === 'CHANGELOG_MISSING',
  )
})

test('the role and its password are the catalogue’s; without a value it is refused by name', () => {
  const { role, password } = credentials(user, { USER_DB_PASSWORD: new Secret('of user'), POSTGRES_PASSWORD: 'no' })
  assert.equal([role, password.reveal()], ['backend_user', 'of user'])
  assert.throws(() => credentials(user, { USER_DB_PASSWORD: '' }), /USER_DB_PASSWORD/)
})

test('an id may hold colons', () => {
  assert.equal(changeSet('a/b.sql::1::2::mary'), { file: 'a/b.sql', id: '1::2', author: 'mary' })
})

test('status: what is pending, or nothing; anything else is an error and not "nothing"', () => {
  const pending = `2 changesets have not been applied to x@jdbc:y\n     ${file}::1::user\n     ${file}::2 b::user\n`
  assert.equal(
    pendingIn(pending).map(({ id }) => id),
    ['1', '2 b'],
  )
  assert.equal(pendingIn('x@jdbc:postgresql://postgres:5432/a?currentSchema=user is up to date\n'), [])
  for (const text of ['', 'up', pending.replace('2 changesets', '3 changesets')])
    assert.throws(
      () => pendingIn(text),
      (error: { code: string }) => error.code === 'LIQUIBASE_OUTPUT',
    )
})

test('change sets in SQL and in progress lines; a comment of the SQL itself is none', () => {
  const sql = `-- Changeset ${file}::1::user\nselect 1;\n-- Changeset that is only talked about\n`
  assert.equal(changeSetsOfSql(sql), [{ id: '1', author: 'user', file }])
  assert.is(changeSetsOfSql(`-- Rolling Back ChangeSet: ${file}::1::user`)[0]?.id, '1')
  assert.is(begunIn(`Running Changeset: ${file}::1::user\nRolling Back Changeset: ${file}::2::user`).length, 2)
})

const failed = (stderr: string, command = 'update', stdout = '') =>
  liquibaseError({ code: 1, stdout, stderr }, { service: user, command, stage: 'prod', docker: 'docker' })
const unexpected = (text: string) =>
  `ERROR: Exception Details\n\nUnexpected error running Liquibase: ${text}\n\nFor more information, please use the --log-level flag\n`

test('a failed change set: the database’s message and statement, and what was applied before it', () => {
  const reason = `Migration failed for changeset ${file}::2::mary:\n     Reason: liquibase.exception.DatabaseException: ERROR: duplicate key value\n  Detail: Key (id)=(1) already exists. [Failed SQL: (0) insert into x values (1)]`
  const error = failed(
    `Running Changeset: ${file}::1::user\nRunning Changeset: ${file}::2::mary\n${unexpected(reason)}`,
  )
  assert.is(error.message, `change set 2 by mary in ${file} failed for user`)
  assert.equal(error.details, [
    'ERROR: duplicate key value',
    '  Detail: Key (id)=(1) already exists.',
    'in:',
    'insert into x values (1)',
    `applied before it, and recorded: 1 by user in ${file}`,
  ])
  assert.match(error.hint ?? '', 'aqua liquibase user update --stage prod')
})

test('a long statement is cut short', () => {
  const long = Array.from({ length: 500 }, (_, i) => `(${i}, '${'x'.repeat(300)}')`).join('\n')
  const { details } = failed(
    unexpected(`Migration failed for changeset f::1::a:\n     Reason: ERROR: no [Failed SQL: (0) ${long}]`),
  )
  assert.ok(details.length < 20)
  assert.ok(details.every((line) => line.length < 210))
})

test('what else can go wrong has a code and a hint of its own', () => {
  const connect =
    'Connection could not be created to jdbc:postgresql://postgres:5432/a with driver org.postgresql.Driver.  '
  for (const [text, command, code, hint] of [
    [
      `${connect}FATAL: password authentication failed for user "backend_user"`,
      'update',
      'ROLE_REFUSED',
      'aqua db roles prod',
    ],
    [`${connect}The connection attempt failed.`, 'update', 'DATABASE', 'aqua logs postgres --stage prod'],
    [
      'Validation Failed:\n     1 changesets check sum\n          f::1::a was: 9:a but is now: 9:b',
      'status',
      'CHANGELOG_INVALID',
      'new change set',
    ],
    [
      'Validation Failed:\n     1 changesets had duplicate identifiers\n          f::1::a',
      'update',
      'CHANGELOG_INVALID',
      'aqua liquibase user update',
    ],
    ["Could not find tag 'x' in the database", 'rollback-sql', 'TAG_UNKNOWN', 'history'],
    [
      'Could not acquire change log lock.  Currently locked by x since y',
      'update',
      'CHANGELOG_LOCKED',
      'aqua liquibase user status --stage prod',
    ],
    [
      'The file f was not found in the configured search path:\n    - /changelog',
      'update-sql',
      'LIQUIBASE',
      'aqua liquibase user sql --stage prod',
    ],
  ] as const) {
    const error = failed(unexpected(text), command)
    assert.is(error.code, code, text)
    assert.match(error.hint ?? '', hint)
    assert.match(error.message, /^[^A-Z]/)
    assert.not.match(error.message, /\.$|\n/)
  }
  const killed = failed('Starting Liquibase')
  assert.match(killed.hint ?? '', 'status --stage prod shows whether it left its lock')
})

const inspected = (result: Partial<CommandResult>): Pick<Io, 'probe'> => ({
  probe: async () => ({ code: 0, stdout: '', stderr: '', ...result }),
})
const lock = { by: '0123456789ab (172.18.0.9)', since: '2026-03-01 12:00:00' }

test('who holds a lock: a container that runs since before it, one restarted since, one that is gone, or nobody we know', async () => {
  const state = async (result: Partial<CommandResult>, by = lock.by) =>
    (await holderOf(inspected(result), 'docker', { ...lock, by })).state
  assert.is(await state({ stdout: '/p-backend-user-1 true 2026-03-01T11:00:00.5Z\n' }), 'at work')
  assert.is(await state({ stdout: '/p-backend-user-1 true 2026-03-01T12:30:00.5Z\n' }), 'gone')
  assert.is(await state({ stdout: '/p-backend-user-1 false 2026-03-01T11:00:00.5Z\n' }), 'gone')
  assert.is(await state({ code: 1 }), 'gone')
  assert.is(await state({ code: 1 }, 'aqua-liquibase-user-12 (172.18.0.9)'), 'gone')
  assert.is(await state({ code: 1 }, 'laptop (10.0.0.1)'), 'unknown')
  // The name is what somebody wrote into a table.
  const asked: (readonly string[])[] = []
  const listening = {
    probe: async (argv: readonly string[]) => {
      asked.push(argv)
      return { code: 1, stdout: '', stderr: '' }
    },
  }
  await holderOf(listening, 'docker', { ...lock, by: '--help (x)' })
  assert.equal(asked[0]?.slice(-2), ['--', '--help'])
})

test('a lock may go when its holder is gone, or unknown and old; one without a time counts as young', () => {
  const at = new Date('2026-03-01T12:10:00Z')
  const later = new Date('2026-03-01T12:16:00Z')
  const holder = (state: Holder['state']): Holder => ({ state, who: '' })
  assert.is(mayBeAtWork(holder('at work'), lock, later), true)
  assert.is(mayBeAtWork(holder('gone'), lock, at), false)
  assert.is(mayBeAtWork(holder('unknown'), lock, at), true)
  assert.is(mayBeAtWork(holder('unknown'), lock, later), false)
  assert.is(mayBeAtWork(holder('unknown'), { ...lock, since: 'an unknown time' }, later), true)
  assert.match(lockedError(user, lock, holder('gone'), 'prod').hint ?? '', 'aqua liquibase user unlock --stage prod')
  assert.not.match(lockedError(user, lock, holder('at work'), 'dev').hint ?? '', 'unlock')
})

test('the old names stand for the new words; rollback is for one service, by one way', () => {
  for (const { short } of migrating) {
    assert.equal(liquibase.aliases?.[`liq-${short}-sql`], [short, 'sql'])
    assert.equal(liquibase.aliases?.[`liq-${short}-update`], [short, 'update'])
  }
  assert.is(Object.keys(liquibase.aliases ?? {}).length, 2 * migrating.length)
  const check = (args: object) => () =>
    liquibase.check?.(
      { stage: 'dev', force: false, count: undefined, tag: undefined, toDate: undefined, ...args } as never,
      {} as never,
    )
  for (const args of [
    { service: 'all', verb: 'rollback', count: 1 },
    { service: 'user', verb: 'rollback' },
    { service: 'user', verb: 'rollback', count: 1, tag: 'x' },
    { service: 'user', verb: 'rollback', count: 0 },
    { service: 'user', verb: 'rollback', count: 1.5 },
    { service: 'user', verb: 'rollback', toDate: 'yesterday' },
    { service: 'user', verb: 'update', count: 1 },
    { service: 'user', verb: 'update', force: true },
  ])
    assert.throws(check(args), (error: { exitCode: number }) => error.exitCode === 2, JSON.stringify(args))
  for (const verb of verbs) if (verb !== 'rollback') check({ service: 'all', verb })()
  check({ service: 'user', verb: 'rollback', toDate: '2026-01-31T12:00:00' })()
})

test('the image holds Liquibase as the services carry it, every jar with its sum, and is built only for this', () => {
  const folder = path.join(root, 'docker', 'images', 'liquibase')
  const pom = fs.readFileSync(path.join(folder, 'pom.xml'), 'utf8')
  const sums = fs.readFileSync(path.join(folder, 'SHA256SUMS'), 'utf8').trim().split('\n')
  for (const line of sums) assert.match(line, /^[0-9a-f]{64} {2}\S+\.jar$/)
  const image = thirdPartyImages.find(({ key }) => key === 'LIQUIBASE_IMAGE')
  for (const [, artifact, version] of pom.matchAll(/<artifactId>([\w-]+)<\/artifactId><version>([\d.]+)<\/version>/g))
    assert.ok(
      sums.some((line) => line.endsWith(`  ${artifact}-${version}.jar`)),
      artifact,
    )
  const [, version] = /<artifactId>liquibase-core<\/artifactId><version>([\d.]+)/.exec(pom) ?? []
  assert.is(image?.debian, `aqua/liquibase:${version}`)
  assert.match(fs.readFileSync(path.join(folder, 'Dockerfile'), 'utf8'), `image.version=${version} `)
  assert.is(image?.buildOnly, true)
})

test.run()
