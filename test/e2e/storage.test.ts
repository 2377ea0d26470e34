import fs from 'node:fs'
import path from 'node:path'
import { DeleteBucketLifecycleCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { buckets, services } from '../../docker/services.ts'
import { imageNames } from '../../docker/thirdparty.ts'
import { parse } from '../../env/file.ts'
import { schema } from '../../env/schema.ts'
import { bucketState, s3 } from './objects.ts'
import * as stack from './stack.ts'
import { aqua, container, docker, dockerWith, eventually, json, refusal, start, startAqua } from './stack.ts'

// PostgreSQL, Redis and the S3 server alone, started by plain Compose: what it takes to bring old and disturbed ones in line.
// After stack.test.ts, which made the images.

const project = 'aqua-e2e-storage'
const env = { COMPOSE_PROJECT_NAME: project }
const envFile = path.join(stack.root, 'env', '.env.dev')
const imagesFile = path.join(stack.root, '.aqua', 'images.env')
const devFile = stack.guarded(envFile)
const gateway = { image: `${stack.imagePrefix}versitygw:1.8.0`, name: `${project}-versitygw`, access: 'e2e-root' }
const values = () => new Map(parse(fs.readFileSync(envFile, 'utf8')).entries.map(({ name, value }) => [name, value]))
const names = buckets.map(({ name }) => name)

function compose(...args: string[]): Promise<string> {
  return composeWith(env, ...args)
}

function composeWith(values: stack.Env, ...args: string[]): Promise<string> {
  const folder = path.join(stack.root, 'docker', 'compose')
  const files = ['docker-compose.yml', 'docker-compose.override.dev.yml'].flatMap((file) => [
    '-f',
    path.join(folder, file),
  ])
  const envFiles = [envFile, imagesFile].filter((file) => fs.existsSync(file)).flatMap((file) => ['--env-file', file])
  return dockerWith({ env: values }, 'compose', '-p', project, ...envFiles, ...files, ...args)
}

/** As operators, over the server's socket. */
async function sql(text: string): Promise<string> {
  const { Id } = await container('postgres', project)
  const psql = ['psql', '-U', 'aquastream', '-d', 'aquastream', '-qAtX', '-v', 'ON_ERROR_STOP=1']
  const ran = await start([stack.program, 'exec', '-i', Id, ...psql], { input: text }).ended
  return stack.expectCode(`psql: ${text}`, ran, 0).stdout.trim()
}

/** Whether a role and a password open the database over the network, as a service does it. */
async function opens(role: string, PGPASSWORD: string): Promise<boolean> {
  const { Id } = await container('postgres', project)
  const psql = ['psql', '-h', '127.0.0.1', '-U', role, '-d', 'aquastream', '-c', 'select']
  return (
    (await start([stack.program, 'exec', '-e', 'PGPASSWORD', Id, ...psql], { env: { PGPASSWORD } }).ended).code === 0
  )
}

test.before(async () => {
  await stack.sweep(project)
  await docker('rm', '-f', gateway.name)
  fs.rmSync(envFile, { force: true })
  await aqua(['env', 'init', 'dev'], 0)
})

test.after(async () => {
  devFile.restore()
  await start([stack.program, 'rm', '-f', gateway.name]).ended
  await stack.sweep(project)
  await start([stack.program, 'rmi', '-f', gateway.image]).ended
  assert.equal(stack.descendants(), [], 'processes of the tests are left')
})

test('a database from before the roles is handed over to them, with its data', async () => {
  await compose('up', '-d', '--wait', 'postgres')
  await sql(`
    alter system set log_statement = 'all'; select pg_reload_conf();
    create schema "user"; create schema event; create schema notification; create schema crew;
    grant usage on schema "user", event to public;
    create domain "user".email as text; create type event.status as enum ('a', 'b');
    create table "user".users (id bigint generated always as identity primary key, email "user".email);
    create table "user".serials (id serial); create sequence crew.alone; create materialized view crew.m as select 1 as one;
    create table event.bookings (user_id bigint references "user".users, status event.status);
    create view notification.digest as select email, status from "user".users join event.bookings on user_id = id;
    create function crew.f(a int, variadic b text[]) returns int language sql as 'select 1';
    grant select (id) on "user".users to public; insert into "user".users (email) values ('a@b');
    insert into event.bookings values (1, 'a')`)
  const before = await sql('select count(*), sum(relowner::int8) from pg_class; select count(*) from pg_roles')
  const dry = (await aqua(['db', 'roles', '--dry-run'], 0, { env })).stdout.trim().split('\n')
  const planned = dry.slice(dry.findIndex((line) => line.includes('run --rm')) + 1).map((line) => line.trim())
  assert.is(await sql('select count(*), sum(relowner::int8) from pg_class; select count(*) from pg_roles'), before)
  const { result } = await json(['db', 'roles'], 0, { env })
  assert.equal(planned, result.changed, 'a dry run shows what a run then does')
  assert.ok((result.changed as string[]).includes('alter table "user".users owner to backend_user'))
  const foreign = await sql(`
    select count(*) from (
      select relnamespace as n, relowner as o from pg_class union all select typnamespace, typowner from pg_type
      union all select pronamespace, proowner from pg_proc union all select oid, nspowner from pg_namespace) x
    join pg_namespace s on s.oid = n join pg_roles r on r.oid = o
    where nspname in ('user', 'event', 'crew', 'payment', 'notification', 'media') and rolname <> 'backend_' || nspname`)
  assert.is(foreign, '0')
  assert.is(await sql('set role backend_notification; select * from notification.digest'), 'a@b|a')
  assert.is(await sql("select has_column_privilege('backend_media', '\"user\".users', 'id', 'SELECT')"), 'f')
  // Rights reach tables that their owner makes later.
  await sql('set role backend_user; create table "user".later (id bigint primary key)')
  assert.is(await sql("select has_table_privilege('backend_notification', '\"user\".later', 'SELECT')"), 't')
  assert.is(await sql("select has_table_privilege('backend_crew', '\"user\".later', 'SELECT')"), 'f')
  await sql('set role backend_crew; create table crew.members (id bigint references "user".later)')
  assert.equal((await json(['db', 'roles'], 0, { env })).result.changed, [])
})

test('passwords: a new one in the env file is set, a wrong one of operators is named, and none is ever logged', async () => {
  const [old = '', fresh] = [values().get('USER_DB_PASSWORD'), `it's "new" $x \\y`]
  assert.is(await opens('backend_user', old), true)
  const { result } = await json(['db', 'roles'], 0, { env: { ...env, USER_DB_PASSWORD: fresh } })
  assert.equal(result.changed, ['set the password of backend_user'])
  assert.equal([await opens('backend_user', old), await opens('backend_user', fresh)], [false, true])
  assert.equal((await json(['db', 'roles'], 0, { env })).result.changed, ['set the password of backend_user'])
  const error = await refusal(['db', 'roles'], 1, { env: { ...env, POSTGRES_PASSWORD: 'some-other-password' } })
  assert.match(error.message, /^POSTGRES_PASSWORD is not the password of aquastream/)
  // A new env file on an old volume: operators' role gets its password over the socket, and nothing else changes.
  const [operators = '', lost] = [values().get('POSTGRES_PASSWORD'), `of a 'new' $file \\z`]
  const users = await sql('select * from "user".users')
  const taken = await json(['db', 'roles', '--superuser'], 0, { env: { ...env, POSTGRES_PASSWORD: lost } })
  assert.equal(taken.result.changed, [])
  assert.equal([await opens('aquastream', operators), await opens('aquastream', lost)], [false, true])
  assert.is(await sql('select * from "user".users'), users)
  await json(['db', 'roles', '--superuser'], 0, { env })
  assert.is(await opens('aquastream', operators), true)
  const { Id } = await container('postgres', project)
  const { stdout, stderr } = await start([stack.program, 'logs', Id]).ended
  const log = `${stdout}${stderr}`
  assert.match(log, /ALTER USER "?backend_user"? PASSWORD 'SCRAM-SHA-256\$/, 'statements are in the log')
  for (const password of [fresh, lost]) assert.not.ok(log.includes(password))
  const secrets = schema.filter(({ secret }) => secret).map(({ name }) => name)
  for (const [name, value] of values()) if (secrets.includes(name) && value) assert.not.ok(log.includes(value), name)
})

test('plain docker compose makes roles, buckets and keys too', async () => {
  await compose('down', '--volumes')
  await compose('up', '-d', 'postgres-init', 'minio-init', 'redis')
  for (const name of ['postgres-init', 'minio-init'])
    await eventually(`${name} is done`, async () => (await container(name, project)).State.Status === 'exited', 240)
  for (const name of ['postgres-init', 'minio-init'])
    assert.is(
      (await container(name, project)).State.ExitCode,
      0,
      await docker('logs', (await container(name, project)).Id),
    )
  for (const { role } of services)
    if (role) assert.is(await opens(role.name, values().get(role.passwordVariable) ?? ''), true, role.name)
  assert.equal((await json(['db', 'roles'], 0, { env })).result.changed, [])
  const { result } = await json(['minio-bootstrap'], 0, { env })
  assert.equal([result.created, result.changed], [[], []])
})

test('minio-bootstrap --dry-run says what a run then does, and changes nothing', async () => {
  const root = s3('http://127.0.0.1:19000', 'aquastream', values().get('MINIO_ROOT_PASSWORD') ?? '')
  const [one = '', two = ''] = names
  await root.send(new DeleteBucketLifecycleCommand({ Bucket: one }))
  await root.send(new PutBucketVersioningCommand({ Bucket: two, VersioningConfiguration: { Status: 'Suspended' } }))
  const other = {
    MINIO_BOOTSTRAP_BUCKETS: `${names.join(',')},dry-run`,
    MINIO_BUCKET_PUBLIC: `dry-run,${one}`,
    MEDIA_S3_SECRET_KEY: 'another-secret-key-of-media',
    PAYMENT_S3_ACCESS_KEY: 'another-payment',
  }
  const inEnv = { env: { ...env, ...other } }
  const keys = () => stack.inside('minio', 'ls -R /data/.minio.sys/config/iam | md5sum', project)
  const state = async () => `${await bucketState(root)} ${await keys()}`
  const before = await state()
  const { stdout } = await aqua(['minio-bootstrap', '--dry-run'], 0, inEnv)
  assert.is(await state(), before)
  const rows = stdout
    .split('\n')
    .flatMap((line) => /^ *(created|changed|unchanged|unneeded) +(.*)$/.exec(line)?.slice(1) ?? [])
  const planned = (verdict: string) => rows.filter((_, i) => i % 2 === 1 && rows[i - 1] === verdict)
  const { result } = await json(['minio-bootstrap'], 0, inEnv)
  for (const verdict of ['created', 'changed', 'unchanged']) assert.equal(planned(verdict), result[verdict], verdict)
  assert.equal([(result.created as string[]).length, (result.changed as string[]).length], [4, 6])
  // A bucket's line is that of its whole name, and the list of public ones may have spaces.
  const tables = { BUCKETS: 'e2e-dry-run plain 5 5\n* versioned 4 3\n', LOOK_ONLY: 'yes' }
  const look = {
    ...env,
    ...tables,
    MINIO_BOOTSTRAP_BUCKETS: 'run,e2e-dry-run',
    MINIO_BUCKET_PUBLIC: 'e2e-dry-run, run',
  }
  const flags = Object.keys(tables).flatMap((name) => ['-e', name])
  const said = await composeWith(look, 'run', '--rm', '--no-deps', '-T', ...flags, 'minio-init')
  assert.match(said, /changed +versioning of run: enabled\ncreated +lifecycle of run: old versions 4 days/)
  assert.match(said, /changed +policy of run: anybody may fetch objects/)
  assert.match(said, /created +lifecycle of e2e-dry-run: old versions 5 days/)
  // The key that payment had before is named, although it has the name of a service.
  assert.equal(result.unneeded, ['key backend-payment: mc admin user remove'])
  await json(['minio-bootstrap'], 0, { env })
})

/** Start the bootstrap of many new buckets and return when it has made the first of them. */
async function underWay(prefix: string, ...args: string[]) {
  const many = Array.from({ length: 12 }, (_, i) => `${prefix}-${i}`)
  const list = { MINIO_BOOTSTRAP_BUCKETS: [...many, ...names].join(',') }
  const task = startAqua(['minio-bootstrap', '--json', ...args], { env: { ...env, ...list } })
  await eventually('the first bucket is made', async () =>
    (await stack.inside('minio', 'ls /data', project)).includes(`${prefix}-0`),
  )
  const made = (await stack.inside('minio', 'ls /data', project)).split('\n').filter((one) => one.startsWith(prefix))
  assert.ok(made.length < many.length, 'it was over too soon to be disturbed')
  return { task, list, many }
}

test('MinIO restarted in the middle of the bootstrap: it waits, and ends with everything made', async () => {
  const { task, list, many } = await underWay('restart')
  await docker('restart', '-t', '0', (await container('minio', project)).Id)
  const { result } = stack.envelope(stack.expectCode('minio-bootstrap', await task.ended, 0))
  assert.equal(
    [result.changed, result.unsupported].flat().filter((what) => !String(what).startsWith('versioning')),
    [],
  )
  const root = s3('http://127.0.0.1:19000', 'aquastream', values().get('MINIO_ROOT_PASSWORD') ?? '')
  const state = await bucketState(root)
  for (const name of [...many, ...names]) assert.match(state, new RegExp(`"${name}".*"Enabled".*"NoncurrentDays":30`))
  const again = (await json(['minio-bootstrap'], 0, { env: { ...env, ...list } })).result
  assert.equal([again.created, again.changed], [[], []])
})

test('MinIO gone in the middle of the bootstrap: exit 4 at the deadline, with what it was at', async () => {
  const { task } = await underWay('gone', '--timeout', '8')
  const { Id } = await container('minio', project)
  await docker('stop', '-t', '0', Id)
  const ran = stack.expectCode('minio-bootstrap', await task.ended, 4)
  const { error } = stack.envelope(ran)
  assert.match(error?.message ?? '', /^http:\/\/minio:9000 did not answer within 8 s, at: \w+( of)? gone-\d+$/)
  assert.ok(ran.seconds < 30, `${ran.seconds} s`)
  const stopped = await refusal(['minio-bootstrap'], 1, { env })
  assert.equal([stopped.code, stopped.hint], ['NOT_RUNNING', 'aqua up dev'])
})

test('another S3 server takes MinIO’s place: buckets are made there, what it lacks is named, keys are tried', async () => {
  const secret = 'e2e-secret-of-another'
  const folder = path.join(stack.root, 'test', 'e2e', 'versitygw')
  // What MinIO was compiled in.
  const made = imageNames('debian', {}).GO_IMAGE
  const go = (await docker('image', 'ls', '-q', made)) === '' ? imageNames('registry', {}).GO_IMAGE : made
  const ca = process.env.SSL_CERT_FILE ? ['--secret', `id=ca,src=${process.env.SSL_CERT_FILE}`] : []
  await docker('build', '--network', 'host', ...ca, '--build-arg', `GO_IMAGE=${go}`, '-t', gateway.image, folder)
  await dockerWith(
    { env: { ROOT_ACCESS_KEY_ID: gateway.access, ROOT_SECRET_ACCESS_KEY: secret } },
    ...['run', '-d', '--name', gateway.name, '--network', `${project}_backend`],
    ...['-e', 'ROOT_ACCESS_KEY_ID', '-e', 'ROOT_SECRET_ACCESS_KEY', gateway.image],
  )
  const [found] = JSON.parse(await docker('inspect', gateway.name)) as stack.Container[]
  const address = Object.values(found?.NetworkSettings.Networks ?? {})[0]?.IPAddress
  const root = { MINIO_ROOT_USER: gateway.access, MINIO_ROOT_PASSWORD: secret }
  const there = { ...env, ...root, S3_ENDPOINT: `http://${address}:7070` }
  const buckets = async () => (await json(['s3', 'ls'], 0, { env: there })).result.buckets as string[]
  assert.equal(await buckets(), [])
  // It knows one key: the buckets are made, and a service's own key is missed.
  const error = await refusal(['minio-bootstrap'], 1, { env: there })
  assert.match(error.message, /^the key in PAYMENT_S3_ACCESS_KEY does not reach aquastream-payment: /)
  assert.equal((await buckets()).sort(), [...names].sort())
  const keys = Object.fromEntries(
    services.flatMap(({ objectKey }) =>
      objectKey
        ? [
            [objectKey.accessVariable, gateway.access],
            [objectKey.secretVariable, secret],
          ]
        : [],
    ),
  )
  const all = { env: { ...there, ...keys } }
  for (const round of [1, 2]) {
    const { result } = await json(['minio-bootstrap'], 0, all)
    assert.equal([result.created, result.changed], [[], []], `round ${round}`)
    assert.equal(
      (result.unsupported as string[]).map((what) => what.replace(/:.*/, '')),
      names.map((name) => `lifecycle of ${name}`),
    )
  }
  const rows = (await json(['minio-buckets'], 0, all)).result.buckets as Record<string, unknown>[]
  assert.equal(
    rows.map(({ bucket, versioning, policy }) => `${bucket} ${versioning} ${policy}`).sort(),
    names.map((name) => `${name} enabled private`).sort(),
  )
  // A policy goes there and back.
  await json(['minio-bootstrap'], 0, { env: { ...all.env, MINIO_BUCKET_PUBLIC: names[0] ?? '' } })
  await aqua(['s3', 'cp', '-', `s3://${names[0]}/e2e`], 0, { ...all, input: 'here' })
  const get = () => fetch(`${there.S3_ENDPOINT}/${names[0]}/e2e`)
  assert.is(await (await get()).text(), 'here')
  assert.equal((await json(['minio-bootstrap'], 0, all)).result.changed, [`policy of ${names[0]}`])
  assert.is((await get()).status, 403)
  for (const task of ['minio-put-test', 'minio-get-test']) await json([task], 0, all)
  // Under plain Compose MinIO then has no container, and what waits for it does not wait. Its volume stays.
  const init = async (values: stack.Env) => {
    await composeWith(values, 'up', '-d', 'minio-init')
    await eventually(
      'minio-init is done',
      async () => (await container('minio-init', project)).State.Status === 'exited',
    )
    assert.is((await container('minio-init', project)).State.ExitCode, 0)
    return [...(await stack.containers(project)).keys()].filter((name) => name.startsWith('minio')).sort()
  }
  assert.equal(await init(all.env), ['minio-init'])
  assert.is(stack.valueIn(await container('minio-init', project), 'S3_ENDPOINT'), there.S3_ENDPOINT)
  assert.equal(await init(env), ['minio', 'minio-init'])
  assert.match(await stack.inside('minio', 'ls /data', project), names[0] ?? '?')
})

test.run()
