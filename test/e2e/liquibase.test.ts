import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { migrating } from '../../docker/liquibase/verbs.ts'
import { imageNames } from '../../docker/thirdparty.ts'
import * as stack from './stack.ts'
import { docker, eventually } from './stack.ts'

// Liquibase against a real PostgreSQL that stands for a stack's: a container with the labels, the network and the alias that
// Compose would give it. One story: each test goes on where the one before it stopped.

const project = 'liq-e2e'
const network = `${project}_backend`
const postgres = `${project}-postgres-1`
const imagePrefix = 'liq-e2e/'
const superuser = 'aquastream'
/** Made by hand; compared with what is written to logs, argv and images. */
const secretOf = (short: string) => `liq-secret-${short}-5d2f8a7c3e914b60`
const databases = ['cli', 'services', 'byhand']
/** Services that are started for real: a reserved word, a foreign key into another schema, a type and a view of others. */
const real = ['user', 'event', 'notification']

/** Read by the containers of every service. */
const settings = path.join(stack.root, 'docker', 'compose', 'settings', 'common.env')
const files = [...['.env.dev', '.env.stage'].map((name) => path.join(stack.root, 'env', name)), settings].map(
  stack.guarded,
)
const workspace = fs.mkdtempSync(path.join(os.tmpdir(), 'liq-e2e-'))
const userLog = path.join(workspace, 'backend-user/backend-user-db/src/main/resources/migration/liquibase')

const env = {
  COMPOSE_PROJECT_NAME: project,
  IMAGE_PREFIX: imagePrefix,
  POSTGRES_DB: 'cli',
  POSTGRES_USER: superuser,
  POSTGRES_PASSWORD: secretOf('superuser'),
  ...Object.fromEntries(migrating.map(({ short }) => [`${short.toUpperCase()}_DB_PASSWORD`, secretOf(short)])),
}
const words = (args: string) => ['liquibase', ...args.split(' '), '--workspace', workspace]
const aqua = (args: string, expected = 0, more: stack.Env = {}) =>
  stack.aqua(words(args), expected, { env: { ...env, ...more } })
const json = (args: string, expected = 0, more: stack.Env = {}) =>
  stack.json(words(args), expected, { env: { ...env, ...more } })
const refusal = (args: string, expected: number, more: stack.Env = {}) =>
  stack.refusal(words(args), expected, { env: { ...env, ...more } })

/** As the superuser, over the container's socket: this test's own look, not aqua's. */
async function sql(text: string, database = 'cli', user = superuser): Promise<string> {
  const argv = ['exec', '-i', postgres, 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-U', user, '-d', database]
  return stack.dockerWith({ input: text }, ...argv)
}

/** What makes a migration the same one, in the order they ran. */
const rows = (schema: string, database = 'cli') =>
  sql(
    `select id, author, filename, md5sum, orderexecuted, exectype, description, comments from "${schema}".databasechangelog order by orderexecuted`,
    database,
  )
const stamped = (schema: string, database = 'cli') =>
  sql(`select id, dateexecuted, deployment_id from "${schema}".databasechangelog order by orderexecuted`, database)
const tables = (schema: string, database = 'cli') =>
  sql(
    `select relname from pg_class where relnamespace = to_regnamespace('"${schema}"') and relkind in ('r', 'v') order by 1`,
    database,
  )
const locked = (schema: string) => sql(`select locked, lockedby, lockgranted from "${schema}".databasechangeloglock`)
const free = 'f||'

const idsOf = (short: string) => {
  const folder = path.join(
    stack.root,
    'example',
    `backend-${short}/backend-${short}-db/src/main/resources/migration/liquibase`,
  )
  const master = fs.readFileSync(path.join(folder, 'master.xml'), 'utf8')
  return [...master.matchAll(/include file="([^"]+)"/g)].flatMap(([, file = '']) =>
    [...fs.readFileSync(path.join(folder, file), 'utf8').matchAll(/^--changeset \w+:(\S+)/gm)].map(([, id = '']) => id),
  )
}

/** Containers of Liquibase itself, by whatever it is that is to be found. */
const ours = async () =>
  (await docker('ps', '-aq', '--no-trunc', '--filter', 'label=com.docker.compose.service=liquibase'))
    .split('\n')
    .filter(Boolean)

/** Add a file of change sets to user's change log. */
function addFile(name: string, text: string): void {
  fs.writeFileSync(path.join(userLog, 'sql', name), `--liquibase formatted sql\n\n${text}`)
  const master = path.join(userLog, 'master.xml')
  const line = `<include file="sql/${name}" relativeToChangelogFile="true"/>`
  fs.writeFileSync(
    master,
    fs.readFileSync(master, 'utf8').replace('</databaseChangeLog>', `${line}</databaseChangeLog>`),
  )
}

function dropFile(name: string): void {
  const master = path.join(userLog, 'master.xml')
  const line = `<include file="sql/${name}" relativeToChangelogFile="true"/>`
  fs.writeFileSync(master, fs.readFileSync(master, 'utf8').replace(line, ''))
  fs.rmSync(path.join(userLog, 'sql', name))
}

function labels(all: Record<string, string>): string[] {
  return Object.entries(all).flatMap(([key, value]) => ['--label', `com.docker.compose.${key}=${value}`])
}

async function exists(image: string): Promise<boolean> {
  return (await stack.start([stack.program, 'image', 'inspect', image]).ended).code === 0
}

async function postgresImage(): Promise<string> {
  const names = [imageNames('debian', {}), imageNames('registry', {})].map((all) => all.POSTGRES_IMAGE)
  for (const name of names) if (await exists(name)) return name
  // Whichever way this machine gets its images: let a stack be made ready once.
  await stack.aqua(['up', 'dev', '--only', 'user'], 0, { env, live: true })
  await stack.aqua(['down', '--volumes', '--yes'], 0, { env })
  for (const name of names) if (await exists(name)) return name
  throw new Error(`none of ${names.join(', ')}`)
}

async function clean(): Promise<void> {
  const names = [postgres, `${project}-holder`, ...real.map((short) => `${project}-real-${short}`)]
  for (const name of names) await stack.start([stack.program, 'rm', '-f', '-v', name]).ended
  await stack.sweep(project)
}

test.before(async () => {
  await clean()
  for (const { name, changelog = '' } of migrating) {
    const folder = path.dirname(changelog)
    fs.cpSync(path.join(stack.root, 'example', folder), path.join(workspace, folder), { recursive: true })
    assert.ok(fs.existsSync(path.join(workspace, name)))
  }
  fs.mkdirSync(path.join(workspace, 'backend-gateway'))
  for (const stage of ['dev', 'stage']) await stack.aqua(['env', 'init', stage], 0, { env })
})

test.after(async () => {
  for (const file of files) file.restore()
  fs.rmSync(workspace, { recursive: true, force: true })
  await clean()
  for (const short of real)
    await stack.start([stack.program, 'rmi', '--force', `${imagePrefix}backend-${short}:dev`]).ended
  assert.equal(stack.descendants(), [], 'processes of the tests are left')
})

test('without a running database it says so, and starts nothing', async () => {
  const error = await refusal('user status', 1)
  assert.equal([error.code, error.hint], ['NOT_RUNNING', 'aqua up dev'])
})

test('a schema that is not there is named, with the task that makes it', async () => {
  const image = await postgresImage()
  const ofNetwork = { project, network: 'backend' }
  await docker('network', 'create', ...labels(ofNetwork), network)
  await docker(
    ...['run', '-d', '--name', postgres, '--network', network, '--network-alias', 'postgres'],
    ...labels({ project, service: 'postgres', oneoff: 'False' }),
    ...[
      '-e',
      'POSTGRES_DB=cli',
      '-e',
      `POSTGRES_USER=${superuser}`,
      '-e',
      `POSTGRES_PASSWORD=${secretOf('superuser')}`,
    ],
    ...['-e', 'POSTGRES_INITDB_ARGS=--auth-host=scram-sha-256', '--tmpfs', '/var/lib/postgresql/data', image],
  )
  const ready = ['exec', postgres, 'pg_isready', '-q', '-h', '127.0.0.1']
  await eventually('PostgreSQL answers', async () => (await stack.start([stack.program, ...ready]).ended).code === 0)
  const missing = await refusal('all status', 1)
  assert.equal([missing.code, missing.hint], ['SCHEMA_MISSING', 'aqua db roles'])
  for (const { schema } of migrating) assert.match(missing.message, `${schema}`)

  for (const database of databases) {
    if (database !== 'cli') await sql(`create database ${database}`)
    await stack.aqua(['db', 'roles'], 0, { env: { ...env, POSTGRES_DB: database } })
  }
})

test('a role that PostgreSQL refuses is named, and its password is nowhere', async () => {
  const ran = await stack.startAqua(words('user sql'), { env: { ...env, USER_DB_PASSWORD: 'liq-secret-wrong' } }).ended
  assert.is(ran.code, 1)
  assert.match(ran.stderr, /error: the database refuses the role of user/)
  assert.match(ran.stderr, /password authentication failed for user "backend_user"/)
  assert.match(ran.stderr, /hint: aqua db roles/)
  assert.not.match(ran.stdout + ran.stderr, /liq-secret/)
})

test('status of an empty database: all is pending, and looking made no table', async () => {
  const { result } = await json('all status')
  const found = result.services as { service: string; applied: number; pending: { id: string }[]; lock: null }[]
  assert.equal(
    found.map(({ service, pending }) => [service, pending.map(({ id }) => id)]),
    migrating.map(({ name, short }) => [name, idsOf(short)]),
  )
  for (const { applied, lock } of found) assert.equal([applied, lock], [0, null])
  await json('all validate')
  await json('all history')
  for (const { short } of migrating) assert.is(await tables(short), '', short)
})

test('sql is SQL and nothing else: run by hand as the role, it migrates', async () => {
  const { stdout } = await stack.aqua([...words('all sql')], 0, { env: { ...env, POSTGRES_DB: 'byhand' } })
  for (const { short } of migrating) assert.is(await tables(short, 'byhand'), '', 'asking for SQL runs none')
  for (const { short } of migrating) {
    const one = await stack.aqua([`liq-${short}-sql`, '--workspace', workspace], 0, {
      env: { ...env, POSTGRES_DB: 'byhand' },
    })
    assert.match(one.stdout, /^-- /)
    await sql(one.stdout, 'byhand', `backend_${short}`)
  }
  assert.match(stdout, /create table "user"\.users/i)
  const { result } = await json('all status', 0, { POSTGRES_DB: 'byhand' })
  for (const { pending } of result.services as { pending: unknown[] }[]) assert.equal(pending, [])
  const envelope = await json('user sql')
  assert.match((envelope.result.sql as { user: string }).user, /create table "user"\.users/i)
})

test('update from empty: every schema, in order, owned by its role, with a history of its own', async () => {
  const { result } = await json('all update')
  const applied = result.services as { service: string; applied: { id: string }[] }[]
  assert.equal(
    applied.map(({ service, applied }) => [service, applied.map(({ id }) => id)]),
    migrating.map(({ name, short }) => [name, idsOf(short)]),
  )
  for (const { short } of migrating) {
    const recorded = (await rows(short)).split('\n')
    assert.equal(
      recorded.map((row) => row.split('|')[0]),
      idsOf(short),
    )
    assert.is(await locked(short), free)
    const owners = await sql(
      `select distinct pg_get_userbyid(relowner) from pg_class where relnamespace = to_regnamespace('"${short}"')`,
    )
    assert.is(owners, `backend_${short}`)
    // What was run by hand from `sql` is the same to the letter.
    assert.is(await rows(short), await rows(short, 'byhand'))
  }
  assert.is(await tables('public'), '')
  const times = await stamped('user')
  const again = await json('all update')
  for (const { applied } of again.result.services as { applied: unknown[] }[]) assert.equal(applied, [])
  assert.is(await stamped('user'), times)
  const history = (await json('user history')).result.services as { applied: { id: string; checksum: string }[] }[]
  const seen = history[0]?.applied.map(({ id, checksum }) => `${id} ${checksum}`)
  assert.is(
    seen?.join('\n'),
    await sql('select id || $$ $$ || md5sum from "user".databasechangelog order by orderexecuted'),
  )
})

/** A real service on a database, until it has started. */
async function startService(short: string, database: string): Promise<void> {
  const name = `${project}-real-${short}`
  const given = {
    SPRING_DATASOURCE_URL: `jdbc:postgresql://postgres:5432/${database}`,
    SPRING_DATASOURCE_USERNAME: `backend_${short}`,
    SPRING_DATASOURCE_PASSWORD: secretOf(short),
    SPRING_PROFILES_ACTIVE: 'dev',
    JWT_SECRET: 'x'.repeat(64),
  }
  const flags = Object.keys(given).flatMap((key) => ['-e', key])
  const image = `${imagePrefix}backend-${short}:dev`
  await stack.dockerWith({ env: given }, 'run', '-d', '--name', name, '--network', network, ...flags, image)
  try {
    await eventually(
      `${short} has started`,
      async () => {
        const ran = await stack.start([stack.program, 'logs', name]).ended
        if ((await docker('inspect', '-f', '{{.State.Running}}', name)) !== 'true')
          throw new Error(`${short} ended: ${ran.stdout.slice(-4000)}`)
        return /Started \w+Application/.test(ran.stdout)
      },
      120,
    )
  } finally {
    await docker('rm', '-f', name)
  }
}

test('the services’ own migrations and these are the same: none runs twice, in either order', async () => {
  const only = real.flatMap((short) => ['--only', short])
  await stack.aqua(['build-images', ...only], 0, { env, live: true })
  for (const short of real) await startService(short, 'services')
  for (const short of real)
    assert.is(await rows(short, 'services'), await rows(short), `${short}: service and CLI record the same`)
  // The service first, then the CLI.
  const times = await Promise.all(real.map((short) => stamped(short, 'services')))
  for (const short of real) {
    const { result } = await json(`${short} update`, 0, { POSTGRES_DB: 'services' })
    assert.equal(result.services, [{ service: `backend-${short}`, applied: [] }])
    await json(`${short} validate`, 0, { POSTGRES_DB: 'services' })
  }
  assert.equal(await Promise.all(real.map((short) => stamped(short, 'services'))), times)
  // The CLI first, then the service.
  const before = await Promise.all(real.map((short) => stamped(short)))
  for (const short of real) await startService(short, 'cli')
  assert.equal(await Promise.all(real.map((short) => stamped(short))), before)
})

test('a new change set: pending, then as SQL, then applied', async () => {
  const nickname =
    '--changeset user:e2e-1\n--comment: прозвище\ncreate table "user".nicknames (id int, name text default \'Ёж\');\n'
  addFile('e2e_1.sql', `${nickname}--rollback drop table "user".nicknames;\n`)
  const { result } = await json('user status')
  const [status] = result.services as { pending: unknown[] }[]
  const added = { id: 'e2e-1', author: 'user', file: 'migration/liquibase/sql/e2e_1.sql' }
  assert.equal(status?.pending, [added])
  const { stdout } = await aqua('user sql')
  assert.match(stdout, "default 'Ёж'")
  assert.not.match(stdout, idsOf('user')[0] ?? '?')
  assert.not.match(await tables('user'), 'nicknames')
  assert.equal((await json('user update')).result.services, [{ service: 'backend-user', applied: [added] }])
  assert.match(await tables('user'), 'nicknames')
  assert.is(
    await sql('select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = \'"user".nicknames\'::regclass'),
    "'Ёж'::text",
  )
})

test('a broken change set: named, undone as a whole, what ran before it stays, the lock is free, a mended one goes on', async () => {
  const good = '--changeset user:e2e-good\ncreate table "user".good (id int);\n--rollback drop table "user".good;\n\n'
  const broken = (last: string) =>
    `${good}--changeset mary:e2e-bad\ncreate table "user".half (id int);\ninsert into "user".half values (1);\n${last}\n\n--changeset user:e2e-after\ncreate table "user".later (id int);\n`
  addFile('e2e_2.sql', broken('insert into "user".half values (\'not a number\');'))
  const error = await refusal('user update', 1)
  assert.is(error.code, 'CHANGE_SET_FAILED')
  assert.is(error.message, 'change set e2e-bad by mary in migration/liquibase/sql/e2e_2.sql failed for user')
  assert.match(error.details.join('\n'), 'invalid input syntax for type integer: "not a number"')
  assert.match(error.details.join('\n'), 'applied before it, and recorded: e2e-good by user')
  const after = await tables('user')
  assert.match(after, /^good$/m)
  assert.not.match(after, /^(half|later)$/m)
  assert.match(await rows('user'), /^e2e-good\|/m)
  assert.not.match(await rows('user'), /^e2e-(bad|after)\|/m)
  assert.is(await locked('user'), free)
  dropFile('e2e_2.sql')
  addFile('e2e_2.sql', broken('insert into "user".half values (2);'))
  const { result } = await json('user update')
  const [{ applied } = { applied: [] }] = result.services as { applied: { id: string }[] }[]
  assert.equal(
    applied.map(({ id }) => id),
    ['e2e-bad', 'e2e-after'],
  )
  assert.is(await sql('select count(*) from "user".half'), '2')
})

test('all ends at the first failure: what comes later is not begun', async () => {
  addFile('e2e_3.sql', '--changeset user:e2e-3\nselect 1 / 0;\n')
  const crew = path.join(workspace, 'backend-crew/backend-crew-db/src/main/resources/migration/liquibase/master.xml')
  const before = fs.readFileSync(crew, 'utf8')
  const one =
    '<changeSet id="e2e-crew" author="e2e"><sql>create table crew.extra (id int)</sql></changeSet></databaseChangeLog>'
  fs.writeFileSync(crew, before.replace('</databaseChangeLog>', one))
  assert.is((await refusal('all update', 1)).code, 'CHANGE_SET_FAILED')
  assert.not.match(await tables('crew'), 'extra')
  fs.writeFileSync(crew, before)
  dropFile('e2e_3.sql')
})

test('an edited change set: validate finds it (5), update does not run (1), status says what it can', async () => {
  const file = path.join(userLog, 'sql', 'e2e_1.sql')
  const before = fs.readFileSync(file, 'utf8')
  fs.writeFileSync(file, before.replace('id int', 'id bigint'))
  const found = await refusal('all validate', 5)
  assert.is(found.code, 'CHANGELOG_INVALID')
  assert.match(found.details.join('\n'), /e2e_1\.sql::e2e-1::user was: 9:\w+ but is now: 9:\w+/)
  assert.is((await refusal('user update', 1)).code, 'CHANGELOG_INVALID')
  const status = await stack.startAqua(words('all status'), { env }).ended
  assert.is(status.code, 1)
  assert.match(status.stdout, /^backend-event\s+\d+\s+0\s+free$/m)
  assert.match(status.stdout, /^backend-user\s+\d+\s+not known\s+free$/m)
  fs.writeFileSync(file, before)
  await json('all validate')
})

test('rollback: asks, shows its SQL, undoes the last ones, and knows what it cannot undo', async () => {
  const before = await rows('user')
  const endless = await refusal('user rollback --count 1 --yes', 1)
  assert.is(endless.code, 'NO_ROLLBACK')
  assert.match(endless.message, 'e2e-after by user')
  assert.is(await rows('user'), before)
  // Their statements to go back are not part of their checksum.
  const file = path.join(userLog, 'sql', 'e2e_2.sql')
  const text = fs.readFileSync(file, 'utf8')
  const back = (table: string) => `--rollback drop table "user".${table};\n`
  fs.writeFileSync(
    file,
    `${text.replace('\n\n--changeset user:e2e-after', `\n${back('half')}\n--changeset user:e2e-after`)}${back('later')}`,
  )
  const asked = await refusal('user rollback --count 2', 6)
  assert.is(asked.code, 'NOT_CONFIRMED')
  assert.match(asked.message, 'e2e-after, e2e-bad')
  assert.is(await rows('user'), before)
  const ran = await aqua('user rollback --count 2 --yes')
  assert.match(ran.stdout, /drop table "user"\.later[\s\S]*drop table "user"\.half/)
  assert.not.match(await tables('user'), /^(half|later)$/m)
  assert.is(await rows('user'), before.split('\n').slice(0, -2).join('\n'))
  const far = await refusal('user rollback --count 99 --yes', 1)
  assert.is(far.code, 'ROLLBACK_TOO_FAR')
  assert.is((await refusal('user rollback --tag nosuch --yes', 1)).code, 'TAG_UNKNOWN')
  assert.is((await refusal('all rollback --count 1 --yes', 2)).code, 'USAGE')
  // Others depend on it: PostgreSQL says who, and nothing of that change set is gone.
  const users = await sql('select count(*) from "user".users')
  const depended = await refusal(`user rollback --to-date 2020-01-01 --yes`, 1)
  assert.is(depended.code, 'ROLLBACK_FAILED')
  assert.match(depended.details.join('\n'), /other objects depend on it/)
  assert.is(await sql('select count(*) from "user".users'), users)
  assert.is(await locked('user'), free)
  await json('user update')
})

async function lockBy(holder: string, ago: string): Promise<void> {
  await sql(
    `update "user".databasechangeloglock set locked = true, lockedby = '${holder}', lockgranted = (now() at time zone 'UTC') - interval '${ago}'`,
  )
}

test('a stale lock is named with the command that frees it; a living holder keeps it', async () => {
  addFile('e2e_4.sql', '--changeset user:e2e-4\nselect 1;\n--rollback empty\n')
  await lockBy('0123456789ab (172.18.0.9)', '3 hours')
  const began = performance.now()
  const stale = await refusal('user update', 1)
  assert.ok(performance.now() - began < 60_000, 'Liquibase would have waited for minutes')
  assert.equal([stale.code, stale.hint], ['CHANGELOG_LOCKED', 'aqua liquibase user unlock'])
  assert.match(
    stale.message,
    /locked since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC by 0123456789ab \(172\.18\.0\.9\), a container that is gone/,
  )
  const { result } = await json('user status')
  assert.match(String((result.services as { lock: string }[])[0]?.lock), '0123456789ab')
  const freed = (await json('all unlock')).result.released as { service: string; by: string }[]
  assert.equal(
    freed.map(({ service, by }) => [service, by]),
    [['user', '0123456789ab (172.18.0.9)']],
  )
  assert.is(await locked('user'), free)

  const holder = `${project}-holder`
  const image = await docker('inspect', '-f', '{{.Config.Image}}', postgres)
  const id = await docker('run', '-d', '--name', holder, '--entrypoint', 'sleep', image, '600')
  await lockBy(`${id.slice(0, 12)} (172.18.0.9)`, '-1 seconds')
  const alive = await refusal('user unlock', 6)
  assert.is(alive.code, 'MIGRATION_RUNNING')
  assert.match(alive.details.join('\n'), `${holder}, which is running`)
  assert.match((await refusal('user update', 1)).message, `${holder}, which is running`)
  assert.match(await locked('user'), /^t\|/)
  // Its process of that time is gone although the container runs.
  await docker('restart', '-t', '0', holder)
  await lockBy(`${id.slice(0, 12)} (172.18.0.9)`, '10 minutes')
  await json('user unlock')
  assert.is(await locked('user'), free)
  await docker('rm', '-f', holder)
  // A machine that nobody here knows: left alone while the lock is young, unless forced.
  await lockBy('laptop-of-mary (10.0.0.7)', '1 minute')
  assert.is((await refusal('user unlock', 6)).code, 'MIGRATION_RUNNING')
  await json('user unlock --force')
  assert.is(await locked('user'), free)
  await json('user update')
})

test('Ctrl-C in a migration: its container, its session and its lock are gone, and nothing is half done', async () => {
  addFile('e2e_5.sql', '--changeset user:e2e-5\ncreate table "user".slow (id int);\nselect pg_sleep(300);\n')
  const before = await rows('user')
  const run = stack.startAqua(words('user update'), { env })
  await eventually('the migration sleeps', async () =>
    /pg_sleep/.test(await sql("select query from pg_stat_activity where usename = 'backend_user'")),
  )
  const [id = ''] = await ours()
  const [container] = JSON.parse(await docker('inspect', id)) as [
    stack.Container & { Args: string[]; HostConfig: { NetworkMode: string } },
  ]
  const { HostConfig, Config, Args } = container
  assert.is(HostConfig.ReadonlyRootfs, true)
  assert.equal(HostConfig.CapDrop, ['ALL'])
  assert.ok(HostConfig.SecurityOpt?.includes('no-new-privileges:true'))
  assert.match(Config.User, /^[1-9]\d*:\d+$/)
  assert.is(HostConfig.NetworkMode, network)
  assert.is(Config.Labels['com.docker.compose.project'], project)
  const mounts = JSON.parse(await docker('inspect', '-f', '{{json .Mounts}}', id)) as {
    Destination: string
    RW: boolean
  }[]
  assert.equal(
    mounts.map(({ Destination, RW }) => [Destination, RW]),
    [['/changelog', false]],
  )
  // The password is in the container's environment, and in no command line of this machine.
  assert.ok(Config.Env?.includes(`LIQUIBASE_COMMAND_PASSWORD=${secretOf('user')}`))
  assert.not.match(Args.join(' '), /liq-secret/)
  for (const { command } of stack.descendants()) assert.not.match(command, /liq-secret/)
  assert.match(await locked('user'), /^t\|aqua-liquibase-user-/)
  assert.is((await refusal('user unlock', 1)).code, 'LOCKED', 'one task at a time changes a stack')
  run.child.kill('SIGINT')
  assert.is((await run.ended).code, 130)
  assert.equal(await ours(), [])
  assert.is(await locked('user'), free)
  assert.is(await sql("select count(*) from pg_stat_activity where usename = 'backend_user'"), '0')
  assert.is(await rows('user'), before)
  assert.not.match(await tables('user'), 'slow')
  dropFile('e2e_5.sql')
})

test('on stage update shows the SQL and asks; unconfirmed, nothing changes (6)', async () => {
  addFile(
    'e2e_6.sql',
    '--changeset user:e2e-6\ncreate table "user".on_stage (id int);\n--rollback drop table "user".on_stage;\n',
  )
  const ran = await stack.startAqua(words('all update --stage stage'), { env }).ended
  assert.is(ran.code, 6, ran.stderr)
  assert.match(ran.stdout, /create table "user"\.on_stage/)
  assert.not.match(await tables('user'), 'on_stage')
  const { result } = await json('all update --stage stage --yes')
  assert.equal(Object.keys(result.sql as object), ['user'])
  assert.match(await tables('user'), 'on_stage')
  // Nothing pending: nothing to ask.
  await json('user update --stage stage')
})

test('contexts, labels and parameters that the service’s container gets decide here too; what aqua cannot follow is refused', async () => {
  const row = (id: string, filter: string) =>
    `--changeset user:e2e-${id} ${filter}\ninsert into "user".told values ('${id} by ${'$'}{e2e.who}');\n`
  const told = () => sql('select what from "user".told order by 1')
  const pending = async () =>
    ((await json('user status')).result.services as { pending: { id: string }[] }[])[0]?.pending.map(({ id }) => id)
  await sql('create table "user".told (what text); alter table "user".told owner to backend_user')
  addFile(
    'e2e_8.sql',
    row('c1', 'context:dev') + row('c2', 'context:!dev') + row('l1', 'labels:beta') + row('l2', 'labels:old'),
  )
  const common = fs.readFileSync(settings, 'utf8')
  // It stays: what a parameter puts into a change set is part of its checksum.
  const parameter = 'SPRING_LIQUIBASE_PARAMETERS_E2E_WHO=\'the "service"; $HOME\'\n'
  const set = (more: string) => fs.writeFileSync(settings, `${common}${parameter}${more}`)
  set('SPRING_LIQUIBASE_CONTEXTS=dev\nSPRING_LIQUIBASE_LABEL_FILTER=!old\n')
  assert.equal(await pending(), ['e2e-c1', 'e2e-l1'])
  await json('user update')
  assert.is(await told(), 'c1 by the "service"; $HOME\nl1 by the "service"; $HOME')
  assert.equal(await pending(), [])
  set('')
  assert.equal(await pending(), ['e2e-c2', 'e2e-l2'], 'they were left out, and are not here by chance')

  const yml = path.join(workspace, 'backend-user/backend-user-api/src/main/resources/application.yml')
  fs.mkdirSync(path.dirname(yml), { recursive: true })
  fs.writeFileSync(yml, 'spring:\n  liquibase:\n    contexts: dev\n')
  const before = await rows('user')
  for (const verb of ['status', 'sql', 'update', 'validate']) {
    const error = await refusal(`user ${verb}`, 1)
    assert.is(error.code, 'LIQUIBASE_SETTING', verb)
    assert.match(
      error.message,
      'spring.liquibase.contexts in backend-user/backend-user-api/src/main/resources/application.yml:3',
    )
    assert.match(error.hint ?? '', 'SPRING_LIQUIBASE_CONTEXTS')
  }
  assert.is(await rows('user'), before)
  await json('user history')
  await json('event status')
  // With the same in its container's environment, Spring and aqua read it there.
  set('SPRING_LIQUIBASE_CONTEXTS=dev\n')
  assert.equal(await pending(), ['e2e-l2'])
  fs.writeFileSync(settings, common)
  fs.rmSync(yml)
  dropFile('e2e_8.sql')
})

test('--dry-run prints the commands without a value of a secret, and runs none', async () => {
  addFile('e2e_7.sql', '--changeset user:e2e-7\nselect 1;\n')
  const { stdout } = await aqua('user update --dry-run')
  assert.match(
    stdout,
    /docker run .* -e LIQUIBASE_COMMAND_PASSWORD .* update --changelog-file=migration\/liquibase\/master\.xml/,
  )
  assert.not.match(stdout, /liq-secret/)
  assert.not.match(await rows('user'), 'e2e-7')
})

test('nothing is left', async () => {
  assert.equal(await ours(), [])
  await clean()
  assert.equal(await stack.leftovers(project), [])
})

test.run()
