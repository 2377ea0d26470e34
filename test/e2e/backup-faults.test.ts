import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Manifest } from '../../backup/manifest.ts'
import { artifacts, type ObjectServer, startObjects } from './backups.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { callFaults, faultyDocker, faultyS3, type RequestFault, requestFaults } from './faults.ts'
import { docker, program, type Ran, type Started, startAqua } from './stack.ts'
import { full, taken } from './sweep.ts'

/** Sets that are kept, and that are there before each fault. */
const kept = 2
const limitMs = 180_000

let cluster: Cluster
let objects: ObjectServer

test.before(async () => {
  const project = 'aqua-e2e-backup-faults'
  cluster = await startCluster(project)
  objects = await startObjects(project, { published: true })
  const { CreateBucketCommand } = await import('@aws-sdk/client-s3')
  await objects.client.send(new CreateBucketCommand({ Bucket: 'backups' }))
  for (const name of Object.keys(sweeps)) {
    await cluster.sql(`CREATE DATABASE ${name}`)
    // `media` is longer than one part of an upload to S3 when it is not compressed.
    await cluster.sql(
      `CREATE SCHEMA "user"; CREATE TABLE "user".users AS SELECT n, md5(n::text) AS name FROM generate_series(1, 500) n;
      CREATE SCHEMA event; CREATE TABLE event.events AS SELECT n FROM generate_series(1, 300) n;
      CREATE SCHEMA media; CREATE TABLE media.files AS SELECT n, repeat(md5(n::text), 1000) AS data FROM generate_series(1, 290) n`,
      name,
    )
  }
  // Side by side, each in a database of its own with a lock of its own: most of the time is waiting for programs to start.
  for (const [name, sweep] of Object.entries(sweeps)) {
    const swept = sweep()
    swept.catch(() => {})
    results.set(name, swept)
  }
})

test.after(async () => {
  await objects.remove()
  await cluster.remove()
})

/** What lies in a store: content by name. */
type Content = Map<string, Buffer>

interface Lane {
  env: Record<string, string>
  argv: string[]
  content(): Promise<Content>
  /** What no listing of objects shows: temporary files, parts of uploads. */
  litter(): Promise<string[]>
}

async function run(lane: Lane, onStart: (started: Started) => void = () => {}): Promise<Ran> {
  const started = startAqua(['backup', ...lane.argv], { env: lane.env })
  onStart(started)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      started.child.kill('SIGKILL')
      reject(new Error(`still running after ${limitMs / 1000} s\n${started.sofar().stderr}`))
    }, limitMs)
  })
  try {
    return await Promise.race([started.ended, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Manifests whose every file is there to the last bit. One that promises more than there is fails the test. */
function goodSets(content: Content): Manifest[] {
  return [...content]
    .filter(([name]) => name.endsWith('.manifest.json'))
    .map(([, text]) => {
      const manifest = JSON.parse(text.toString()) as Manifest
      for (const { name, stored } of manifest.files) {
        const bytes = content.get(name)
        assert.ok(bytes, `${manifest.id} promises ${name}, which is not there`)
        assert.is(createHash('sha256').update(bytes).digest('hex'), stored.sha256, name)
      }
      return manifest
    })
}

/** The archives of a set restore to what its manifest says: all rows come out of pg_restore. */
function proveSet({ files, rows }: Manifest, content: Content): void {
  for (const { name, subject, kind, compression } of files) {
    if (kind !== 'schema') continue
    const unpack = compression === 'gzip' ? 'gzip -dc |' : ''
    const ran = spawnSync('sh', ['-c', `${unpack} ${program} exec -i ${cluster.id} pg_restore -a -f -`], {
      input: content.get(name),
      maxBuffer: 1 << 28,
    })
    assert.is(ran.status, 0, String(ran.stderr))
    const copied = ran.stdout
      .toString()
      .split('\n')
      .filter((line) => /^\d+(\t|$)/.test(line)).length
    const counted = Object.values(rows[subject] ?? {}).reduce((sum, count) => sum + count, 0)
    assert.is(copied, counted, name)
  }
}

/** Nothing lies there that no manifest stands for. */
async function assertClean(lane: Lane, what: string): Promise<void> {
  const content = await lane.content()
  const sets = goodSets(content)
  const known = sets.flatMap(({ id, files }) => [`${id}.manifest.json`, ...files.map(({ name }) => name)])
  assert.equal([...content.keys()].sort(), known.sort(), what)
  assert.equal(await lane.litter(), [], what)
  assert.is(sets.length, kept, what)
}

const proven = new Set<string>()

/** One run with a fault: loud or intact, and the run after it succeeds and leaves nothing but sets. */
async function faulty(lane: Lane, what: string, arm: () => void, disarm: () => void, onStart?: (one: Started) => void) {
  const before = goodSets(await lane.content()).map(({ id }) => id)
  arm()
  const ran = await run(lane, onStart)
  disarm()
  const said = `${what}: exit ${ran.code}\n${ran.stderr.slice(-2000)}`
  const content = await lane.content()
  const after = goodSets(content)
  assert.ok(after.length >= before.length, `${said}\n${before} → ${after.map(({ id }) => id)}`)
  const made = after.filter(({ id }) => !before.includes(id))
  if (ran.code === 0) assert.is(made.length, 1, said)
  for (const set of made) {
    proveSet(set, content)
    proven.add(set.id)
  }
  assert.not.match(ran.stderr, /bug in aqua/, said)
  if (ran.code === 0 && (await lane.litter()).length === 0) return ran
  const next = await run(lane)
  assert.is(next.code, 0, `the run after ${said}\n${next.stderr}`)
  await assertClean(lane, `after the run after ${said}`)
  return ran
}

/** The first good sets of a lane. */
async function begin(lane: Lane): Promise<void> {
  for (let set = 0; set < kept; set++) {
    const ran = await run(lane)
    assert.is(ran.code, 0, ran.stderr)
  }
  await assertClean(lane, 'before any fault')
}

function report(what: string, positions: number, runs: Ran[]): void {
  const loud = runs.filter(({ code }) => code !== 0).length
  process.stdout.write(
    `  ${what}: ${positions} positions, ${runs.length} faults: ${loud} loud, ${runs.length - loud} intact\n`,
  )
}

function localLane(database: string, more: Record<string, string> = {}): Lane & { out: ReturnType<typeof artifacts> } {
  const out = artifacts(cluster, { POSTGRES_DB: database, BACKUP_KEEP: `last=${kept}`, ...more })
  const hidden = () => out.names().filter((name) => name.startsWith('.'))
  return {
    out,
    env: out.env,
    argv: ['--schema', 'user,event'],
    content: async () => {
      const names = out.names().filter((name) => !name.startsWith('.'))
      return new Map(names.map((name) => [name, fs.readFileSync(path.join(out.dev, name))]))
    },
    litter: async () => hidden(),
  }
}

async function sweepDocker(): Promise<void> {
  const wrapper = faultyDocker(cluster.id, 'docker')
  const lane = localLane('docker', { AQUA_DOCKER: wrapper.file })
  try {
    wrapper.arm(0, 'none')
    await begin(lane)
    wrapper.arm(0, 'none')
    await run(lane)
    const positions = wrapper.calls()
    assert.ok(positions >= 8, `${positions} calls`)
    const runs: Ran[] = []
    for (let at = 1; at <= positions; at++)
      for (const kind of callFaults.filter((_, i) => taken(at + i)))
        runs.push(
          await faulty(
            lane,
            `call ${at} of docker, ${kind}`,
            () => wrapper.arm(at, kind),
            () => wrapper.arm(0, 'none'),
          ),
        )
    report('docker', positions, runs)
  } finally {
    wrapper.remove()
    lane.out.remove()
  }
}

async function sweepFolder(): Promise<void> {
  const lane = localLane('folder')
  try {
    await begin(lane)
    const runs: Ran[] = []
    // Changes arrive here a little late: that one did not come says less than that three in a row did not.
    for (let at = 1, missed = 0; missed < 3; at++) {
      let events = 0
      let watcher: fs.FSWatcher | undefined
      const ran = await faulty(
        lane,
        `change ${at} in the folder`,
        () => {},
        () => watcher?.close(),
        (started) => {
          watcher = fs.watch(lane.out.dev, () => {
            if (++events === at) started.child.kill('SIGKILL')
          })
        },
      )
      missed = events < at ? missed + 1 : 0
      // Some of these were too quick for the kill, and left a whole set.
      if (events >= at) runs.push(ran)
    }
    const cut = runs.filter(({ code }) => code === null).length
    assert.ok(cut >= 10, `${cut} of ${runs.length} runs were killed`)
    report('folder', runs.length, runs)
  } finally {
    lane.out.remove()
  }
}

async function sweepDisk(): Promise<void> {
  const lane = localLane('disk')
  const mount = (...args: string[]) => spawnSync('mount', args).status === 0
  fs.mkdirSync(lane.out.dev)
  if (!mount('-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', lane.out.dev)) {
    lane.out.remove()
    process.stdout.write('  disk: not swept, this user may not mount a tmpfs\n')
    return
  }
  try {
    await begin(lane)
    const used = () =>
      [...fs.readdirSync(lane.out.dev)].reduce(
        (sum, name) => sum + Math.ceil(fs.statSync(path.join(lane.out.dev, name)).size / 4096),
        0,
      )
    const resize = (pages: number | undefined) =>
      assert.ok(mount('-o', `remount,size=${pages === undefined ? '16m' : `${pages * 4}k`}`, lane.out.dev))
    const runs: Ran[] = []
    for (let free = 0; ; free++) {
      const ran = await faulty(
        lane,
        `${free} pages left on the disk`,
        () => resize(used() + free),
        () => resize(undefined),
      )
      if (ran.code === 0) break
      runs.push(ran)
      assert.is(ran.code, 3, ran.stderr)
      assert.match(ran.stderr, /no space left/)
    }
    assert.ok(runs.length >= 4, `${runs.length} sizes`)
    report('disk', runs.length, runs)
  } finally {
    spawnSync('umount', [lane.out.dev])
    lane.out.remove()
  }
}

const fetched = new Map<string, Buffer>()

async function s3Content(): Promise<Content> {
  const { GetObjectCommand, paginateListObjectsV2 } = await import('@aws-sdk/client-s3')
  const content: Content = new Map()
  for await (const { Contents = [] } of paginateListObjectsV2({ client: objects.client }, { Bucket: 'backups' }))
    for (const { Key = '', ETag } of Contents) {
      const known = fetched.get(`${Key} ${ETag}`)
      const get = async () => {
        const { Body } = await objects.client.send(new GetObjectCommand({ Bucket: 'backups', Key }))
        return Buffer.from((await Body?.transformToByteArray()) ?? [])
      }
      const bytes = known ?? (await get())
      fetched.set(`${Key} ${ETag}`, bytes)
      content.set(Key.replace('sets/dev/', ''), bytes)
    }
  return content
}

/** On the server's own disk: it lists unfinished uploads to nobody who does not know their names. */
async function uploadsUnderWay(): Promise<string[]> {
  const found = await docker(
    'exec',
    objects.id,
    'find',
    '/data/.minio.sys/multipart',
    '-mindepth',
    '2',
    '-maxdepth',
    '2',
  )
  return found.split('\n').filter(Boolean)
}

async function sweepS3(): Promise<void> {
  let running: Started | undefined
  const proxy = await faultyS3(objects.endpoint, () => running?.child.kill('SIGKILL'))
  const out = artifacts(cluster, {
    POSTGRES_DB: 's3',
    BACKUP_KEEP: `last=${kept}`,
    BACKUP_S3_BUCKET: 'backups',
    BACKUP_S3_PREFIX: 'sets',
    BACKUP_S3_ENDPOINT: proxy.endpoint,
    BACKUP_S3_ACCESS_KEY: objects.user,
    BACKUP_S3_SECRET_KEY: objects.password,
  })
  const lane: Lane = {
    env: out.env,
    argv: ['--schema', 'media', '--to', 's3', '--compress', 'none'],
    content: s3Content,
    litter: uploadsUnderWay,
  }
  try {
    proxy.arm(0, 'none')
    await begin(lane)
    proxy.arm(0, 'none')
    await run(lane)
    const positions = proxy.requests()
    assert.ok(positions >= 20, proxy.log())
    assert.match(proxy.log(), /partNumber=2/)
    const runs: Ran[] = []
    for (let at = 1; at <= positions; at++) {
      const turn = (...kinds: RequestFault[]) => kinds[at % kinds.length] as RequestFault
      // All, or two at each position, in turns that do not keep step with the requests of one file; a server that is broken for
      // good costs all the client's patience, so only here and there.
      const kinds = full
        ? [...requestFaults]
        : [turn('denied', 'kill', 'killLate', 'denied', 'kill'), turn('cut', 'lost', 'hiccup')]
      if (!full && at % 11 === 5) kinds.push('broken', 'slow')
      for (const kind of kinds)
        runs.push(
          await faulty(
            lane,
            `request ${at} to S3, ${kind}`,
            () => proxy.arm(at, kind),
            () => proxy.arm(0, 'none'),
            (started) => {
              running = started
            },
          ),
        )
    }
    report('S3', positions, runs)
  } finally {
    await proxy.close()
    out.remove()
  }
}

const sweeps = { docker: sweepDocker, folder: sweepFolder, disk: sweepDisk, s3: sweepS3 }
const results = new Map<string, Promise<void>>()

test('calls of docker', () => results.get('docker'))
test('killed at every change in the folder', () => results.get('folder'))
test('a full disk, page by page', () => results.get('disk'))
test('requests to S3', () => results.get('s3'))

test.run()
