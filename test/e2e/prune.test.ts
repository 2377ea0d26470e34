import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { listSets } from '../../backup/catalog.ts'
import { parsePolicy } from '../../backup/keep.ts'
import { prune } from '../../backup/prune.ts'
import { LocalStore } from '../../backup/store/local.ts'
import { connectS3 } from '../../backup/store/s3.ts'
import type { S3Settings } from '../../backup/store/s3-client.ts'
import type { Store } from '../../backup/store/store.ts'
import { isAquaError } from '../../scripts/error.ts'
import { madeSet, put } from '../backup/sets.ts'
import { artifacts } from './backups.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { type FaultyProxy, type Minio, startMinio, startProxy } from './minio.ts'
import { aqua, json, refusal } from './stack.ts'

const project = 'aqua-e2e-prune'
const now = new Date()
const hours = (n: number) => new Date(now.getTime() - n * 3_600_000)
const policy = parsePolicy('last=2')
const io = { progress() {}, signal: new AbortController().signal }
const ages = [1, 30, 60, 90, 120]
const idOf = (ago: number) => madeSet(hours(ago)).manifest.id

let minio: Minio
let proxy: FaultyProxy
let cluster: Cluster
let turn = 0
test.before(async () => {
  minio = await startMinio('aqua-e2e-prune-minio')
  proxy = await startProxy(minio.endpoint)
  cluster = await startCluster(project)
})
test.after(async () => {
  await proxy?.close()
  await minio?.remove()
  await cluster?.remove()
})
test.before.each(() => {
  proxy.fault = () => 'pass'
  proxy.seen.length = 0
})

const s3 = (environment: string, more: Partial<S3Settings> = {}) =>
  connectS3({ ...minio.settings, ...more }, environment, { now: () => now }, 2000)
async function filled(environment = `e${turn++}`): Promise<{ direct: Store; proxied: Store }> {
  const direct = await s3(environment)
  for (const ago of ages) await put(direct, madeSet(hours(ago)).objects)
  await direct.write('somebody-elses.txt', 'not ours')
  return { direct, proxied: await s3(environment, { endpoint: proxy.endpoint }) }
}
const complete = async (store: Store) =>
  (await listSets(store)).filter(({ state }) => state === 'complete').map(({ id }) => id)

test('in S3: the other environment, the folder below and foreign objects stay', async () => {
  const [one, other] = [await filled('dev'), await filled('devel')]
  await minio.mc('cp', '-q', '/etc/hostname', 'm/backups/aquastream/dev/below/x')
  const { removed } = await prune(io, one.direct, policy, { dryRun: false, now })
  assert.is(removed.length, 3)
  assert.equal(await complete(one.direct), [idOf(1), idOf(30)])
  assert.is((await one.direct.list()).length, 2 * 4 + 1)
  assert.is((await complete(other.direct)).length, 5)
  assert.match(await minio.mc('ls', '-r', 'm/backups/aquastream/dev'), 'below/x')
})

test('a list or a manifest that S3 refuses is an error, and no DELETE is sent', async () => {
  const { direct, proxied } = await filled()
  for (const status of [403, 500, 503])
    for (const what of ['GET list', 'GET object']) {
      proxy.fault = (seen) => (seen === what ? { status } : 'pass')
      const error = await prune(io, proxied, policy, { dryRun: false, now }).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      assert.ok(isAquaError(error), `${status} ${what}: ${error}`)
    }
  assert.not.ok(
    proxy.seen.some((seen) => seen.startsWith('DELETE')),
    `${proxy.seen}`,
  )
  assert.is((await complete(direct)).length, 5)
})

test('S3 that fails from any removal on: no good set is lost, the next run completes it', async () => {
  for (let nth = 0; nth < 3 * 4; nth++) {
    const { direct, proxied } = await filled()
    let removals = 0
    proxy.fault = (seen) =>
      seen === 'DELETE object' && removals++ >= nth ? { status: 403, code: 'AccessDenied' } : 'pass'
    const error = await prune(io, proxied, policy, { dryRun: false, now }).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    assert.ok(isAquaError(error) && error.code === 'PRUNE', `${nth}: ${error}`)
    const left = await listSets(direct)
    assert.ok(left.every(({ state, problem }) => state !== 'incomplete' || problem === 'no manifest'))
    assert.equal((await complete(direct)).slice(0, 2), [idOf(1), idOf(30)])
    proxy.fault = () => 'pass'
    await prune(io, proxied, policy, { dryRun: false, now })
    assert.equal(await complete(direct), [idOf(1), idOf(30)])
    assert.is((await direct.list()).length, 2 * 4 + 1, `nothing is left over after ${nth}`)
  }
})

test('locked objects: the sets go from the list, and their bytes stay with the bucket’s owner until the lock ends', async () => {
  const locking = await startMinio('aqua-e2e-prune-lock', { lock: true })
  try {
    const store = await connectS3({ ...locking.settings, lockDays: 1 }, 'dev', { now: () => now }, 2000)
    for (const ago of ages) await put(store, madeSet(hours(ago)).objects)
    await prune(io, store, policy, { dryRun: false, now })
    assert.equal(await complete(store), [idOf(1), idOf(30)])
    const versions = await locking.mc('ls', '-r', '--versions', 'm/backups')
    assert.match(versions, new RegExp(`PUT \\S*user_${idOf(120)}\\.dump\\.gz`))
  } finally {
    await locking.remove()
  }
})

test('the tasks: list, show, dry run, refusal, prune; with S3 beside the folder, and without the database', async () => {
  const out = artifacts({ project }, { BACKUP_KEEP: 'last=2' })
  const { bucket, prefix, endpoint, accessKeyId, secretAccessKey } = minio.settings
  const environment = {
    ...out.env,
    BACKUP_S3_BUCKET: bucket,
    BACKUP_S3_PREFIX: `${prefix}-tasks`,
    BACKUP_S3_ENDPOINT: endpoint ?? '',
    BACKUP_S3_ACCESS_KEY: accessKeyId,
    BACKUP_S3_SECRET_KEY: secretAccessKey,
  }
  const env = { env: environment }
  try {
    const local = new LocalStore(out.dev, { make: false })
    const far = await s3('dev', { prefix: `${prefix}-tasks` })
    for (const ago of ages) await put(local, madeSet(hours(ago), ago === 90 ? { label: 'before-2.0' } : {}).objects)
    for (const ago of ages.slice(0, 3)) await put(far, madeSet(hours(ago)).objects)
    fs.writeFileSync(path.join(out.folder, 'user_20240101.dump.gz'), 'old')
    const listed = (await json(['backup', 'list'], 0, env)).result.sets as {
      id: string
      store: string
      label: string
    }[]
    assert.is(listed.length, 5 + 3 + 1)
    assert.equal(
      listed.slice(0, 2).map(({ id, store }) => [id, store]),
      [
        [idOf(1), 'local'],
        [idOf(1), 's3'],
      ],
    )
    assert.equal(listed.at(-1)?.id, '20240101')
    const shown = await json(['backup', 'show', 'before-2.0'], 0, env)
    assert.equal([shown.result.id, shown.result.state, shown.result.label], [idOf(90), 'complete', 'before-2.0'])
    const text = await aqua(['backup', 'show', 'latest', '--from', 's3'], 0, env)
    assert.match(text.stdout, /PostgreSQL 17\.6, pg_dump 17\.6/)
    assert.match(text.stdout, `s3://${bucket}/${prefix}-tasks/dev`)

    const dry = await aqua(['backup', 'prune', '--dry-run'], 0, env)
    assert.match(dry.stdout, new RegExp(`${idOf(1)} .*last-1`))
    assert.match(dry.stdout, new RegExp(`${idOf(90)} .*label before-2.0`))
    assert.match(dry.stdout, new RegExp(`${idOf(60)} .*removed: beyond last=2`))
    assert.is((await refusal(['backup', 'prune'], 6, env)).code, 'NOT_CONFIRMED')
    assert.is((await complete(local)).length, 5)
    const { result } = await json(['backup', 'prune', '--yes'], 0, env)
    const of = (store: 'local' | 's3') => result[store] as { removed: string[]; kept: string[] }
    assert.equal(of('local').removed.sort(), [idOf(60), idOf(120)].sort())
    assert.equal(of('s3').removed, [idOf(60)])
    assert.equal(await complete(local), [idOf(1), idOf(30), idOf(90)])
    assert.equal(await complete(far), [idOf(1), idOf(30)])
    assert.ok(fs.existsSync(path.join(out.folder, 'user_20240101.dump.gz')), 'old-style files are nobody’s to prune')
    // Nothing to lose, nothing to ask.
    await aqua(['backup', 'prune'], 0, env)

    const alone = { env: { ...environment, COMPOSE_PROJECT_NAME: 'aqua-e2e-prune-none' } }
    const down = await aqua(['backup', 'prune', '--from', 'local', '--keep-last', '1', '--yes'], 0, alone)
    assert.match(down.stderr, 'no backup can be at work')
    assert.equal(await complete(local), [idOf(1), idOf(90)])
  } finally {
    out.remove()
  }
})

test('a running backup is waited for, or named', async () => {
  const out = artifacts({ project })
  try {
    const local = new LocalStore(out.dev, { make: false })
    for (const ago of ages) await put(local, madeSet(hours(ago)).objects)
    const hold = cluster.sql(`SELECT pg_advisory_lock(${0x61717561}, 1), pg_sleep(6)`)
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const argv = ['backup', 'prune', '--keep-last', '1', '--yes']
    assert.is((await refusal(argv, 1, { env: out.env })).code, 'BACKUP_RUNNING')
    assert.is((await complete(local)).length, 5)
    await aqua([...argv, '--wait', '30'], 0, { env: out.env })
    assert.equal(await complete(local), [idOf(1)])
    await hold
  } finally {
    out.remove()
  }
})

test.run()
