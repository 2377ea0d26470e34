import { createHash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { backing, buckets, receivers, services } from '../../docker/services.ts'
import { parse } from '../../env/file.ts'
import { schema } from '../../env/schema.ts'
import { settingsOf } from '../docker/composed.ts'
import { bucketState, refused, s3, traces } from './objects.ts'
import * as stack from './stack.ts'
import { aqua, container, containers, docker, eventually, json, startAqua } from './stack.ts'

const endpoint = 'http://127.0.0.1:19000'
const [media, payment] = ['aquastream-media', 'aquastream-payment']
const values = () =>
  new Map(
    parse(fs.readFileSync(path.join(stack.root, 'env', '.env.dev'), 'utf8')).entries.map(({ name, value }) => [
      name,
      value,
    ]),
  )
const client = (prefix: string) => {
  const all = values()
  const [access, secret] = prefix === 'MINIO_ROOT' ? ['USER', 'PASSWORD'] : ['S3_ACCESS_KEY', 'S3_SECRET_KEY']
  return s3(endpoint, all.get(`${prefix}_${access}`) ?? '', all.get(`${prefix}_${secret}`) ?? '')
}
const psqlAs = (who: string, sql: string, code = 0) => aqua(['psql', '--as', who, '--', '-At', '-c', sql], code)
const redisAs = async (who: string, ...words: string[]) =>
  (await aqua(['redis', '--as', who, '--', ...words], 0)).stdout.trim()

/** Declared in the middle of the story of `stack.test.ts`, on its running stack. */
export function keysStory(test: Test): void {
  test('a container holds what the catalogue lists for it, and nothing else', async () => {
    const names = (lines: readonly string[] | null | undefined) => (lines ?? []).map((line) => line.split('=')[0] ?? '')
    const all = await containers()
    const secrets = schema.filter(({ secret }) => secret).map(({ name }) => name)
    const env = values()
    for (const { name, variables, constants } of [...services, ...backing]) {
      const found = all.get(name)
      const image = JSON.parse(await docker('image', 'inspect', found?.Image ?? '')) as { Config: { Env: string[] } }[]
      const ofImage = new Set(names(image[0]?.Config.Env))
      const listed = new Set([...Object.keys(variables), ...Object.keys(constants), ...settingsOf('dev', name)])
      const has = names(found?.Config.Env)
      assert.equal(
        has.filter((one) => !listed.has(one) && !ofImage.has(one)),
        [],
        `${name} holds what nobody listed`,
      )
      assert.equal(
        [...listed].filter((one) => !has.includes(one)),
        [],
        `${name} lacks`,
      )
      const text = (found?.Config.Env ?? []).join('\n')
      for (const secret of secrets) {
        const value = env.get(secret)
        if (!value) continue
        const due = receivers(secret).some((one) => one.container === name)
        assert.is(text.includes(value), due, `${secret} in ${name}`)
      }
    }
    const gateway = names(all.get('backend-gateway')?.Config.Env)
    assert.equal(
      gateway.filter((one) => /DATASOURCE|DATABASE|POSTGRES|_DB_|^PG/.test(one)),
      [],
    )
  })

  test('every service is logged in to PostgreSQL as its own role, and reaches the schemas it is granted', async () => {
    const [users = '', owners] = (
      await stack.query(
        `select string_agg(distinct usename, ',' order by usename) from pg_stat_activity where client_addr is not null;
         select count(*) from pg_class c join pg_namespace n on n.oid = relnamespace join pg_roles r on r.oid = relowner
         where rolname = 'backend_' || nspname and relkind = 'r'`,
      )
    ).split('\n')
    const roles = services.flatMap(({ role }) => role?.name ?? [])
    assert.equal(users.split(','), [...roles].sort())
    assert.ok(Number(owners) > roles.length * 2, `${owners} tables belong to roles`)
    for (const { short, schema: own, role } of services)
      for (const { schema: other } of services) {
        if (!own || !other || !role) continue
        const rights = await stack.query(
          `select has_schema_privilege('${role.name}', '${other}', 'USAGE'), has_schema_privilege('${role.name}', '${other}', 'CREATE'),
           bool_or(has_table_privilege('${role.name}', c.oid, 'SELECT')), bool_or(has_table_privilege('${role.name}', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))
           from pg_class c where relnamespace = '"${other}"'::regnamespace and relkind = 'r'`,
        )
        const mine = own === other
        const reads = role.reads.includes(other)
        const expected = [mine || reads || role.refers.includes(other), mine, mine || reads, mine]
        assert.is(rights, expected.map((yes) => (yes ? 't' : 'f')).join('|'), `${short} in ${other}`)
      }
    assert.match(
      (await psqlAs('user', 'select * from payment.payments', 1)).stderr,
      /permission denied for schema payment/,
    )
    assert.match(
      (await psqlAs('media', 'select email from "user".users', 1)).stderr,
      /permission denied for table users/,
    )
    assert.ok(Number((await psqlAs('notification', 'select count(*) from "user".users')).stdout) >= 1)
  })

  test('db roles: nothing to do; what was altered by hand is put back; no password is in a log', async () => {
    assert.equal((await json(['db', 'roles'], 0)).result.changed, [])
    await stack.query(
      `grant select on payment.payments to backend_user; grant usage on schema payment to public; alter role backend_crew createdb;
       alter table crew.crews owner to current_user; alter role backend_media password 'by-hand-1'; create role backend_old;
       comment on role backend_old is 'aqua: owns schema old'`,
    )
    const { result } = await json(['db', 'roles'], 0)
    assert.is((result.changed as string[]).length, 5, String(result.changed))
    assert.match(String(result.unneeded), /backend_old/)
    assert.equal((await json(['db', 'roles'], 0)).result.changed, [])
    assert.is(await stack.query("select count(*) from pg_roles where rolname = 'backend_old'"), '1')
    assert.is(await stack.query("select tableowner from pg_tables where tablename = 'crews'"), 'backend_crew')
    assert.match((await psqlAs('user', 'select * from payment.payments', 1)).stderr, /permission denied/)
    await stack.query('drop role backend_old')
    const env = values()
    for (const name of ['postgres', 'postgres-init', 'redis', 'minio', 'minio-init']) {
      const logs = await stack.start([stack.program, 'logs', (await container(name)).Id]).ended
      for (const { name: secret } of schema.filter((one) => one.secret)) {
        const value = env.get(secret)
        if (value) assert.not.ok(`${logs.stdout}${logs.stderr}`.includes(value), `${secret} in the log of ${name}`)
      }
    }
  })

  test('redis: a service uses keys under its own prefix and no command for operators', async () => {
    assert.is(await redisAs('user', 'acl', 'whoami'), 'backend-user')
    assert.is(await redisAs('user', 'set', 'user:e2e', '1', 'ex', '60'), 'OK')
    assert.match(await redisAs('user', 'get', 'event:e2e'), /^NOPERM/)
    assert.match(await redisAs('event', 'get', 'user:e2e'), /^NOPERM/)
    for (const words of [
      ['keys', '*'],
      ['flushall'],
      ['config', 'get', 'dir'],
      ['acl', 'list'],
      ['publish', 'event:x', 'y'],
    ])
      assert.match(await redisAs('user', ...words), /^NOPERM/, words.join(' '))
    assert.match((await aqua(['redis', 'acl', 'log'], 0)).stdout, /event:e2e/)
    assert.match(await redisAs('gateway', 'info', 'server'), /redis_version/)
    const users = (await aqua(['redis', 'client', 'list'], 0)).stdout.split(/\s+/)
    const wanted = services.flatMap(({ redis }) => (redis ? [`user=${redis.name}`] : []))
    for (const user of wanted) assert.ok(users.includes(user), `${user} is connected`)
  })

  test('a service’s S3 key reaches its own bucket and no other, and takes no old version away', async () => {
    const [own, root] = [client('MEDIA'), client('MINIO_ROOT')]
    const Key = 'e2e/own'
    await own.send(new PutObjectCommand({ Bucket: media, Key, Body: 'mine' }))
    assert.is(await (await own.send(new GetObjectCommand({ Bucket: media, Key }))).Body?.transformToString(), 'mine')
    const listed = await root.send(new ListObjectsV2Command({ Bucket: payment, Prefix: 'receipts/' }))
    const receipt = listed.Contents?.[0]?.Key
    assert.ok(receipt, 'smoke left a receipt')
    const denied = [
      new GetObjectCommand({ Bucket: payment, Key: receipt }),
      new PutObjectCommand({ Bucket: payment, Key, Body: 'theirs' }),
      new DeleteObjectCommand({ Bucket: payment, Key: receipt }),
      new ListObjectsV2Command({ Bucket: payment }),
    ]
    for (const command of denied) assert.is(await refused(own.send(command as GetObjectCommand)), '403 AccessDenied')
    const versions = await root.send(new GetObjectCommand({ Bucket: media, Key }))
    const { VersionId } = versions
    assert.is(await refused(own.send(new DeleteObjectCommand({ Bucket: media, Key, VersionId }))), '403 AccessDenied')
    assert.is((await fetch(`${endpoint}/${media}/${Key}`)).status, 403, 'nobody reads without a key')
    await root.send(new DeleteObjectCommand({ Bucket: media, Key, VersionId }))
  })

  test('minio-bootstrap: three times nothing to do; a policy altered by hand is put back', async () => {
    const root = client('MINIO_ROOT')
    const before = await bucketState(root)
    for (const { name } of buckets) assert.match(before, new RegExp(`"${name}".*"Enabled".*"NoncurrentDays":30`))
    for (let i = 0; i < 3; i++) {
      const { result } = await json(['minio-bootstrap'], 0)
      assert.equal([result.created, result.changed, result.unsupported, result.unneeded], [[], [], [], []])
      assert.is((result.unchanged as string[]).length, buckets.length * 4 + 4)
    }
    assert.is(await bucketState(root), before)
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${payment}/*` }],
    })
    await root.send(new PutBucketPolicyCommand({ Bucket: payment, Policy }))
    const rows = (await json(['minio-buckets'], 0)).result.buckets as {
      bucket: string
      policy: string
      objects: number
    }[]
    assert.equal(
      rows.map(({ bucket, policy }) => `${bucket} ${policy}`),
      [`${media} private`, `${payment} public`],
    )
    assert.ok(rows.every(({ objects }) => objects >= 1))
    const { result } = await json(['minio-bootstrap'], 0)
    assert.equal(result.changed, [`policy of ${payment}`])
    assert.is(await bucketState(root), before)
  })

  test('anybody reads where MINIO_BUCKET_PUBLIC says so, and only as long', async () => {
    const root = client('MINIO_ROOT')
    await root.send(new PutObjectCommand({ Bucket: media, Key: 'e2e/public', Body: 'for all' }))
    const get = async (key: string) => (await fetch(`${endpoint}/${media}/${key}`)).status
    await json(['minio-bootstrap'], 0, { env: { MINIO_BUCKET_PUBLIC: media } })
    assert.is(await get('e2e/public'), 200)
    assert.is(await get(''), 403, 'no listing')
    await json(['minio-bootstrap'], 0)
    assert.is(await get('e2e/public'), 403)
    await root.send(new DeleteObjectCommand({ Bucket: media, Key: 'e2e/public' }))
  })

  test('round trips through presigned addresses leave nothing behind', async () => {
    for (const task of ['minio-put-test', 'minio-get-test'])
      assert.equal(
        ((await json([task], 0)).result.roundTrips as { bucket: string }[]).map(({ bucket }) => bucket).sort(),
        buckets.map(({ name }) => name).sort(),
      )
    for (const { name } of buckets) assert.is(await traces(client('MINIO_ROOT'), name, 'aqua/'), 0)
  })

  test('s3 cp: the same bytes both ways, in parts and through pipes; an interrupted one leaves nothing', async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-e2e-'))
    const [up, down] = [path.join(folder, 'up'), path.join(folder, 'down')]
    const bytes = randomBytes(40 * 2 ** 20 + 1)
    const sum = (file: string) => createHash('sha256').update(fs.readFileSync(file)).digest('hex')
    try {
      fs.writeFileSync(up, bytes)
      await json(['s3', 'cp', up, `s3://${media}/e2e/cp`, '--as', 'media'], 0)
      await json(['s3', 'cp', `s3://${media}/e2e/cp`, down, '--as', 'media'], 0)
      assert.is(sum(down), sum(up))
      await aqua(['s3', 'cp', '-', `s3://${media}/e2e/pipe`], 0, { input: 'ärger\n' })
      assert.is((await aqua(['s3', 'cp', `s3://${media}/e2e/pipe`, '-'], 0)).stdout, 'ärger\n')
      assert.match((await aqua(['s3', 'ls', `${media}/e2e/`], 0)).stdout, / 41943041 e2e\/cp\n/)
      assert.is(
        (await stack.refusal(['s3', 'cp', `s3://${media}/e2e/cp`, down, '--as', 'payment'], 1)).code,
        'S3_DENIED',
      )
      // It waits for more on its standard input when it is interrupted, with two parts sent.
      const half = startAqua(['s3', 'cp', '-', `s3://${media}/e2e/half`], { hold: bytes })
      const root = client('MINIO_ROOT')
      await eventually('an upload is under way', async () => (await traces(root, media, 'e2e/half')) === 1, 30)
      half.child.kill('SIGINT')
      assert.is((await half.ended).code, 130)
      assert.is(await traces(root, media, 'e2e/half'), 0)
      assert.equal(fs.readdirSync(folder).sort(), ['down', 'up'])
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  })
}
