import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openObjectServer } from '../../backup/objectserver.ts'
import { restoreObjects } from '../../backup/putobjects.ts'
import { loadEnv } from '../../env/load.ts'
import { artifacts, type ObjectServer, sha256, startObjects, watchArgv } from './backups.ts'
import { type Cluster, clusterEnv, seedSql, startCluster, withIo } from './cluster.ts'
import { aqua, docker, envelope, program, refusal, root, start } from './stack.ts'

const project = 'aqua-e2e-backup-objects'
const media = 'aquastream-media'
let cluster: Cluster
let objects: ObjectServer

/** Keys that a file system would not take, that a shell would change, and one longer than a name in a plain tar. */
const keys = [
  'plain.txt',
  'a/b/c.jpg',
  'a/../up',
  '/root',
  'a//b',
  'folder/',
  './dot',
  'Ünï "q" $HOME *',
  `long/${'x'.repeat(200)}/${'y'.repeat(200)}`,
]

test.before(async () => {
  cluster = await startCluster(project)
  await cluster.sql(seedSql())
  objects = await startObjects(project, { published: true })
  for (const Bucket of [media, 'aquastream-payment']) await objects.client.send(new CreateBucketCommand({ Bucket }))
  for (const Key of keys) {
    // MinIO keeps objects as files, and takes neither `..` nor `.` nor empty parts.
    const put = new PutObjectCommand({
      Bucket: media,
      Key,
      Body: Buffer.from(Key.endsWith('/') ? '' : `body of ${Key}`),
      ContentType: 'image/x-odd; q="1"',
      CacheControl: 'max-age=60',
      ContentDisposition: "attachment; filename*=UTF-8''%E2%82%AC.jpg",
      ContentLanguage: 'ru',
      Metadata: { owner: '42', note: 'a=b, c' },
      Tagging: 'kind=photo&who=coach%201',
    })
    await objects.client.send(put).catch((error: Error) => {
      assert.ok(/\.|\/\/|^\//.test(Key), `${Key}: ${error.message}`)
    })
  }
  const large = randomBytes(21 * 1024 * 1024)
  await objects.client.send(new PutObjectCommand({ Bucket: media, Key: 'large.bin', Body: large }))
  await objects.client.send(new PutObjectCommand({ Bucket: media, Key: 'empty', Body: Buffer.alloc(0) }))
})

test.after(async () => {
  await objects.remove()
  await cluster.remove()
})

/** Everything that S3 knows of the objects of a bucket. */
async function look(bucket: string): Promise<Record<string, unknown>> {
  const { Contents = [] } = await objects.client.send(new ListObjectsV2Command({ Bucket: bucket }))
  const found: Record<string, unknown> = {}
  for (const { Key = '' } of Contents) {
    const { Body, ...about } = await objects.client.send(new GetObjectCommand({ Bucket: bucket, Key }))
    const { TagSet } = await objects.client.send(new GetObjectTaggingCommand({ Bucket: bucket, Key }))
    const { ContentType, CacheControl, ContentDisposition, ContentLanguage, ContentLength, Metadata } = about
    const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []).toString('base64')
    found[Key] = {
      ContentType,
      CacheControl,
      ContentDisposition,
      ContentLanguage,
      ContentLength,
      Metadata,
      TagSet,
      bytes,
    }
  }
  return found
}

const credentials = () => ({ MINIO_ROOT_USER: objects.user, MINIO_ROOT_PASSWORD: objects.password })

test('buckets: every object comes back with all that S3 kept of it; tar reads the archive too', async () => {
  const out = artifacts(cluster, credentials())
  try {
    const before = await look(media)
    assert.ok(Object.keys(before).length >= 6, Object.keys(before).join())
    const { result } = envelope(await aqua(['backup', '--schema', 'media', '--buckets', '--json'], 0, { env: out.env }))
    const [manifest] = out.manifests()
    assert.equal(manifest?.files.map(({ kind, subject }) => `${kind} ${subject}`.trim()).sort(), [
      'bucket aquastream-media',
      'bucket aquastream-payment',
      'roles',
      'schema media',
    ])
    const file = path.join(out.dev, `${media}_${result.set}.tar.gz`)
    const listed = (await start(['tar', '-tzf', file]).ended).stdout
    assert.is(listed.trim().split('\n').length, Object.keys(before).length, listed)
    assert.not.match(listed, /\.\.\/|^\//m)
    for (const Key of Object.keys(before)) await objects.client.send(new DeleteObjectCommand({ Bucket: media, Key }))
    await objects.client.send(new PutObjectCommand({ Bucket: media, Key: 'later', Body: 'stays' }))
    const env = { ...clusterEnv(cluster), ...credentials() }
    const loaded = await loadEnv({ root, env, platform: process.platform }, 'dev', { fileOptional: true })
    const stack = { stage: 'dev' as const, project, files: [], env, docker: program }
    const done = await withIo(async (io) => {
      const server = await openObjectServer(io, stack, loaded)
      return restoreObjects(io, server, media, fs.createReadStream(file).pipe(zlib.createGunzip()))
    })
    assert.is(done.objects, Object.keys(before).length)
    const { later, ...after } = await look(media)
    assert.ok(later)
    assert.equal(after, before)
  } finally {
    out.remove()
  }
})

test('no secret in any command line, log or manifest; nothing plain in an encrypted set', async () => {
  const out = artifacts(cluster, {
    ...credentials(),
    POSTGRES_PASSWORD: cluster.password,
    JWT_SECRET: randomBytes(40).toString('hex'),
    BACKUP_S3_BUCKET: 'backups',
    BACKUP_S3_ENDPOINT: objects.endpoint,
    BACKUP_S3_ACCESS_KEY: objects.user,
    BACKUP_S3_SECRET_KEY: objects.password,
    BACKUP_WEBHOOK_URL: 'http://127.0.0.1:9/very-secret-path',
    BACKUP_PING_URL: 'http://127.0.0.1:9/another-secret-path',
  })
  const identity = await generateIdentity()
  const recipients = path.join(out.folder, 'recipients.txt')
  try {
    fs.writeFileSync(recipients, await identityToRecipient(identity))
    await objects.client.send(new CreateBucketCommand({ Bucket: 'backups' }))
    const argv = watchArgv()
    const env: Record<string, string> = { ...out.env, BACKUP_RECIPIENTS_FILE: recipients }
    const ran = await aqua(['backup', '--buckets', '--encrypt', '--to', 'both', '--verbose'], 0, { env })
    const failed = await aqua(['backup', '--schema', 'none'], 2, { env })
    const seen = argv.stop()
    assert.match(seen, /pg_dump -Fc/)
    const [manifest] = out.manifests()
    const secrets = [
      ...['POSTGRES_PASSWORD', 'MINIO_ROOT_PASSWORD', 'JWT_SECRET', 'BACKUP_S3_SECRET_KEY'].map(
        (name) => env[name] ?? '',
      ),
      ...['very-secret-path', 'another-secret-path', identity],
    ]
    // Its own container was started by the test, with the password in docker's arguments and long before.
    for (const secret of secrets)
      for (const [where, text] of Object.entries({
        seen,
        log: ran.stdout + ran.stderr + failed.stderr,
        manifest: JSON.stringify(manifest),
      }))
        assert.not(text.includes(secret), `${where} holds ${secret}`)
    assert.equal(manifest?.recipients, [await identityToRecipient(identity)])
    for (const { name, encrypted } of manifest?.files ?? []) {
      assert.ok(encrypted && name.endsWith('.age'))
      assert.match(fs.readFileSync(path.join(out.dev, name)).subarray(0, 21).toString(), 'age-encryption.org/v1')
    }
    const { Contents = [] } = await objects.client.send(new ListObjectsV2Command({ Bucket: 'backups' }))
    assert.equal(Contents.map(({ Key = '' }) => path.basename(Key)).sort(), out.names())
    for (const { Key = '' } of Contents) {
      const { Body } = await objects.client.send(new GetObjectCommand({ Bucket: 'backups', Key }))
      const copy = path.join(out.folder, 'copy')
      fs.writeFileSync(copy, (await Body?.transformToByteArray()) ?? '')
      assert.is(sha256(copy), sha256(path.join(out.dev, path.basename(Key))), Key)
    }
  } finally {
    out.remove()
  }
})

test('one of two stores fails: exit 1 by its name, the other has its set, and nothing is pruned', async () => {
  const env = {
    BACKUP_S3_BUCKET: 'nowhere',
    BACKUP_S3_ENDPOINT: objects.endpoint,
    BACKUP_S3_ACCESS_KEY: objects.user,
    BACKUP_S3_SECRET_KEY: objects.password,
    BACKUP_KEEP: 'last=1',
  }
  const out = artifacts(cluster, env)
  try {
    await aqua(['backup', '--schema', 'crew'], 0, { env: out.env })
    const error = await refusal(['backup', '--schema', 'crew', '--to', 'both'], 1, { env: out.env })
    assert.is(error.code, 'STORE_FAILED')
    assert.match(error.message, /not in s3:\/\/nowhere/)
    assert.is(out.manifests().length, 2)
    await aqua(['backup', '--schema', 'crew'], 0, { env: out.env })
    assert.is(out.manifests().length, 1)
  } finally {
    out.remove()
  }
})

test('without a published port the server is reached in its network; without a server that is said', async () => {
  const out = artifacts(cluster)
  await docker('rm', '-f', '-v', objects.id)
  try {
    const down = await refusal(['backup', '--buckets'], 1, { env: out.env })
    assert.is(down.code, 'NOT_RUNNING')
    const hidden = await startObjects(project, { published: false })
    await hidden.client.send(new CreateBucketCommand({ Bucket: media }))
    const env = { ...out.env, MINIO_ROOT_USER: hidden.user, MINIO_ROOT_PASSWORD: hidden.password }
    await aqua(['backup', '--schema', 'crew', '--buckets'], 0, { env })
    assert.is(out.manifests()[0]?.files.at(-1)?.subject, media)
    objects = hidden
  } finally {
    out.remove()
  }
})

test.run()
