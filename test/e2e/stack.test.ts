import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Manifest } from '../../backup/manifest.ts'
import { backing, buckets, services } from '../../docker/services.ts'
import { parse, quote } from '../../env/file.ts'
import { schema } from '../../env/schema.ts'
import { keysStory } from './keys.ts'
import { migrationsStory } from './migrations.ts'
import * as stack from './stack.ts'
import { aqua, container, containers, docker, eventually, json, refusal, running, startAqua } from './stack.ts'

// One story on a real engine, after quickstart.test.ts has made the images. Each test goes on where the one before it
// stopped, because a full start costs half a minute: they are in this order for a reason.

const envFile = path.join(stack.root, 'env', '.env.dev')
const devFile = stack.guarded(envFile)
const stageFile = stack.guarded(path.join(stack.root, 'env', '.env.stage'))
const names = services.map((service) => service.name).sort()
const [crewImage, crewKept] = [`${stack.imagePrefix}backend-crew:dev`, `${stack.imagePrefix}backend-crew:kept`]
const stageTag = 'e2e-1'
/** Where the safety sets of `down --volumes` go. */
const artifacts = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-e2e-artifacts-'))

/** Known from the first test on. */
let firstUser = ''
let postgresImage = ''

const oneShots = backing.filter(({ oneShot }) => oneShot).map(({ name }) => name as string)

/** Of `running`, without a service and the one-shots, which compose runs anew at every start. */
function besides(service: string, text: string): string[] {
  return text.split('\n').filter((line) => ![service, ...oneShots].some((name) => line.startsWith(`${name} `)))
}

async function ownImages(): Promise<string[]> {
  const all = await docker('image', 'ls', '--format', '{{.Repository}}:{{.Tag}}')
  return all
    .split('\n')
    .filter((name) => name.startsWith(stack.imagePrefix))
    .sort()
}

async function imageIds(): Promise<string> {
  return docker('image', 'inspect', '--format', '{{.RepoTags}} {{.Id}}', ...(await ownImages()))
}

test.before(async () => {
  await stack.sweep(stack.project)
  await stack.sweep(stack.stageProject)
  await aqua(['env', 'init', 'dev'], 0)
})

test.after(async () => {
  devFile.restore()
  stageFile.restore()
  fs.rmSync(artifacts, { recursive: true, force: true })
  await stack.sweep(stack.project)
  await stack.sweep(stack.stageProject)
  const images = await ownImages().catch(() => [])
  if (images.length > 0) await docker('rmi', '--force', ...images)
  assert.equal(stack.descendants(), [], 'processes of the tests are left')
})

test('up dev: from no container to seven healthy services', async () => {
  await aqua(['up', 'dev'], 0, { live: true })
  const { result } = await json(['ps'], 0)
  const rows = result.services as { service: string; state: string; image: string }[]
  const healthy = rows.filter(({ service, state }) => names.includes(service) && state === 'healthy')
  assert.equal(healthy.map(({ service }) => service).sort(), names)
  postgresImage = (await container('postgres')).Config.Image
})

test('smoke goes through gateway, database, cache and object storage, and leaves its traces there', async () => {
  await json(['smoke'], 0)
  firstUser = await stack.query('select email from "user".users order by id limit 1')
  assert.match(firstUser, /@example\.test$/)
  const counts = await stack.query(
    'select (select count(*) from "user".users), (select count(*) from event.bookings), (select count(*) from crew.members)',
  )
  for (const count of counts.split('|')) assert.ok(Number(count) >= 1, counts)
  assert.ok(buckets.length >= 2)
  for (const bucket of buckets) {
    const objects = await stack.inside('minio', `find /data/${bucket.name} -name xl.meta`)
    assert.is.not(objects, '', `an object in ${bucket.name}`)
  }
  const keys = await stack.inside('redis', 'REDISCLI_AUTH="$REDIS_PASSWORD" redis-cli --no-auth-warning dbsize')
  assert.ok(Number(/\d+/.exec(keys)?.[0]) >= 1, `keys in Redis: ${keys}`)
})

test('a second up changes nothing', async () => {
  const [before, images] = [await running(), await imageIds()]
  const { result } = await json(['up', 'dev'], 0)
  assert.is(await running(), before, 'not even the one-shot ran again')
  assert.is(await imageIds(), images)
  assert.is(result.jars, undefined)
  assert.is(result.serviceImages, undefined)
  assert.equal((result.images as { made: string[] }).made, [])
})

keysStory(test)
migrationsStory(test)

test('every container is confined', async () => {
  const all = await containers()
  assert.is(all.size, names.length + backing.length)
  for (const [name, { Id, Config, HostConfig, State }] of all) {
    const uid = Config.User.split(':')[0] ?? ''
    assert.ok(/^\d+$/.test(uid) && Number(uid) > 0, `${name}: user ${Config.User}`)
    assert.is(HostConfig.ReadonlyRootfs, true, name)
    assert.is(HostConfig.Privileged, false, name)
    assert.equal(HostConfig.CapDrop, ['ALL'], name)
    assert.equal(HostConfig.CapAdd ?? [], [], name)
    assert.ok(HostConfig.SecurityOpt?.includes('no-new-privileges:true'), name)
    assert.ok((HostConfig.PidsLimit ?? 0) > 0, `${name}: pids`)
    assert.ok(HostConfig.Memory > 0, `${name}: memory`)
    assert.ok(HostConfig.NanoCpus > 0, `${name}: CPUs`)
    assert.ok(
      HostConfig.Ulimits?.some((limit) => limit.Name === 'nofile' && limit.Hard > 0),
      `${name}: nofile`,
    )
    assert.is(HostConfig.LogConfig.Type, 'json-file', name)
    assert.equal(HostConfig.LogConfig.Config, { 'max-size': '10m', 'max-file': '5' }, name)
    const once = oneShots.includes(name)
    assert.is(HostConfig.RestartPolicy.Name, once ? 'on-failure' : 'unless-stopped', name)
    for (const bound of Object.values(HostConfig.PortBindings ?? {}).flat())
      assert.is(bound.HostIp, '127.0.0.1', `${name} is published beyond this machine`)
    if (State.Status !== 'running') continue
    // What the kernel says, of every process in there.
    const status = await docker('exec', Id, 'sh', '-c', 'cat /proc/[0-9]*/status')
    const held = [...status.matchAll(/^Cap(?:Eff|Prm|Bnd|Amb):\s*(\w+)/gm)].map((match) => match[1])
    assert.ok(held.length >= 8, `${name}: no process seen`)
    assert.equal([...new Set(held)], ['0'.repeat(16)], `${name}: capabilities`)
    const uids = [...status.matchAll(/^Uid:\s*(\d+)/gm)].map((match) => match[1])
    assert.equal([...new Set(uids)], [uid], `${name}: users`)
  }
})

test('the gateway is not told of databases, and no image holds a secret', async () => {
  const gateway = (await container('backend-gateway')).Config.Env ?? []
  const foreign = gateway
    .map((line) => line.split('=')[0] ?? '')
    .filter((name) => /DATASOURCE|DATABASE|POSTGRES|MINIO/.test(name))
  assert.equal(foreign, [])
  const secretNames = new Set(schema.filter(({ secret }) => secret).map(({ name }) => name))
  const secrets = parse(fs.readFileSync(envFile, 'utf8')).entries.filter(
    ({ name, value }) => secretNames.has(name) && value.length >= 8,
  )
  assert.ok(secrets.length >= 4, 'env/.env.dev holds secrets')
  const images = new Set([...(await containers()).values()].map(({ Config }) => Config.Image))
  assert.is(images.size, names.length + 3)
  for (const image of images) {
    const said = `${await docker('image', 'inspect', image)}\n${await docker('history', '--no-trunc', image)}`
    for (const { name, value } of secrets) assert.not.ok(said.includes(value), `${image} holds ${name}`)
  }
})

test('logs: the last lines, and on across a restart', async () => {
  const tail = (await aqua(['logs', 'crew', '--tail', '3'], 0)).stdout.trim().split('\n')
  assert.is(tail.length, 3)
  const follow = startAqua(['logs', 'crew', '--follow', '--tail', '1'])
  await eventually('logs --follow prints', () => follow.sofar().stdout !== '', 20)
  const before = await container('backend-crew')
  await json(['restart', 'crew'], 0)
  const after = await container('backend-crew')
  assert.is(after.Id, before.Id)
  assert.is.not(after.State.StartedAt, before.State.StartedAt)
  assert.is(after.State.Health?.Status, 'healthy')
  const fresh = (await docker('logs', '--since', after.State.StartedAt, after.Id)).split('\n').filter(Boolean)
  assert.ok(fresh.length > 3)
  await eventually(
    'the followed log holds every new line',
    () => {
      const seen = new Set(
        follow
          .sofar()
          .stdout.split('\n')
          .map((line) => line.replace(/^\S+ +\| /, '')),
      )
      return fresh.every((line) => seen.has(line))
    },
    15,
  )
  follow.child.kill('SIGINT')
  assert.is((await follow.ended).code, 130)
  assert.equal(stack.descendants(), [])
})

test('make passes on to aqua', async () => {
  if ((await stack.start(['make', '--version']).ended.catch(() => undefined)) === undefined) {
    // A bare machine has no make, and the Makefile promises nothing there.
    process.stdout.write('  make is not installed: nothing to show\n')
    return
  }
  const ran = stack.expectCode('make ps', await stack.start(['make', '-s', 'ps', 'ARGS=--json']).ended, 0)
  const { task, result } = stack.envelope(ran)
  assert.is(task, 'ps')
  assert.is(result.project, stack.project)
})

test('plain docker compose reads the same files', async () => {
  const folder = path.join(stack.root, 'docker', 'compose')
  const images = path.join(stack.root, '.aqua', 'images.env')
  const argv = [
    'compose',
    ...['--env-file', envFile, ...(fs.existsSync(images) ? ['--env-file', images] : [])],
    ...['-f', path.join(folder, 'docker-compose.yml'), '-f', path.join(folder, 'docker-compose.override.dev.yml')],
  ]
  assert.is(await docker(...argv, 'config', '-q'), '')
  // It finds the very containers that run.
  const listed = (await docker(...argv, 'config', '--services')).split('\n').sort()
  assert.equal(listed, [...(await containers()).keys()].sort())
})

test('a port taken by another process: exit 3, its pid, nothing touched', async () => {
  const port = '18299'
  const listen = `require('node:net').createServer().listen(${port}, '127.0.0.1', () => console.log('on'))`
  const holder = stack.start([process.execPath, '-e', listen])
  try {
    await eventually('the port is held', () => holder.sofar().stdout !== '', 10)
    const before = await running()
    const error = await refusal(['up', 'dev'], 3, { env: { MEDIA_PORT: port } })
    assert.is(error.code, 'PORT_TAKEN')
    assert.ok(error.message.includes(`${port} `) && error.message.includes(`pid ${holder.pid}`), error.message)
    assert.is(await running(), before)
  } finally {
    holder.child.kill('SIGKILL')
    await holder.ended
  }
})

test('wrong calls and missing things are told apart by exit code', async () => {
  const before = await running()
  assert.is((await refusal(['up', 'dev', '--only', 'nosuch'], 2)).code, 'USAGE')
  assert.is((await refusal(['up-dve'], 2)).exitCode, 2)
  assert.is((await refusal(['up', 'dev'], 5, { env: { POSTGRES_PORT: 'abc' } })).code, 'ENV_PROBLEMS')
  const noEngine = { env: { DOCKER_HOST: 'unix:///nonexistent.sock' } }
  assert.is((await refusal(['up', 'dev'], 3, noEngine)).code, 'ENGINE_DOWN')
  assert.is((await refusal(['ps'], 3, noEngine)).code, 'ENGINE_DOWN')
  const noProgram = { env: { AQUA_DOCKER: '/nonexistent' } }
  assert.is((await refusal(['up', 'dev'], 3, noProgram)).code, 'ENGINE_MISSING')
  assert.is((await refusal(['ps'], 3, noProgram)).code, 'ENGINE_MISSING')
  const workspace = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-e2e-'))
  try {
    for (const name of names) fs.mkdirSync(path.join(workspace, name))
    const error = await refusal(['up', 'dev', '--no-build', '--workspace', workspace], 3)
    assert.is(error.code, 'JAR_MISSING')
  } finally {
    fs.rmSync(workspace, { recursive: true })
  }
  assert.is(await running(), before)
})

/** Under the crew's name an image that does something else. Committed, not built: that needs no builder. */
async function replaceCrew(script: string): Promise<void> {
  if (!(await ownImages()).includes(crewKept)) await docker('tag', crewImage, crewKept)
  const id = await docker('create', crewKept)
  const entrypoint = `ENTRYPOINT ${JSON.stringify(['sh', '-c', script])}`
  await docker('commit', '--change', entrypoint, '--change', 'CMD []', id, crewImage)
  await docker('rm', id)
}

test('a service that crashes: exit 4 long before the deadline, with its last lines', async () => {
  await replaceCrew('echo out-of-rowers; echo the-boat-sank >&2; exit 7')
  const ran = await aqua(['up', 'dev', '--no-build', '--only', 'crew', '--json'], 4)
  const { error } = stack.envelope(ran)
  assert.is(error?.code, 'NOT_HEALTHY')
  assert.match(error?.message ?? '', /^backend-crew /)
  for (const line of ['out-of-rowers', 'the-boat-sank'])
    assert.ok(
      error?.details.some((detail) => detail.includes(line)),
      line,
    )
  assert.ok(ran.seconds < 60, `${ran.seconds} s`)
  assert.equal(stack.descendants(), [])
})

test('a service that hangs: exit 4 at the deadline; meanwhile a second up is told who is at work', async () => {
  await replaceCrew('echo rowing in circles; exec sleep 600')
  const first = startAqua(['up', 'dev', '--no-build', '--only', 'crew', '--timeout', '20', '--json'])
  await eventually('crew is replaced', async () => (await inCrew('sleep')) !== undefined)
  const error = await refusal(['up', 'dev'], 1)
  assert.is(error.code, 'LOCKED')
  assert.ok(error.message.includes(`pid ${first.pid},`), error.message)
  const ran = stack.expectCode('up', await first.ended, 4)
  assert.ok(ran.seconds >= 20 && ran.seconds < 45, `${ran.seconds} s`)
  const said = stack.envelope(ran).error
  assert.is(said?.code, 'NOT_HEALTHY')
  assert.match(said?.message ?? '', /backend-crew/)
  assert.ok(said?.details.some((line) => line.includes('rowing in circles')))
  assert.equal(stack.descendants(), [])
})

/** The crew's entrypoint, if it names that word. */
async function inCrew(word: string): Promise<string | undefined> {
  const found = (await containers()).get('backend-crew')
  if (found?.State.Status !== 'running') return undefined
  const entrypoint = JSON.stringify((found.Config as unknown as { Entrypoint: string[] }).Entrypoint)
  return entrypoint.includes(word) ? entrypoint : undefined
}

test('with the cause gone, the next up mends that service and touches no other', async () => {
  await docker('tag', crewKept, crewImage)
  await docker('rmi', crewKept)
  const before = besides('backend-crew', await running())
  await json(['up', 'dev'], 0)
  assert.equal(besides('backend-crew', await running()), before)
  assert.is((await container('backend-crew')).State.Health?.Status, 'healthy')
})

test('values with every odd character reach the container unchanged, from the environment and from the file', async () => {
  const fromEnv = ` a$b \${HOME} $$ $1 #c 'single' "double" \`back\` \\slash \\n %d !x = end `
  const pem = '-----BEGIN $KEY-----\n  "#\\n"\n-----END-----'
  const fromFile = ` q$w \${PATH} $$ #e it's "so" \\slash \\n end `
  const before = besides('backend-payment', await running())
  const bytes = fs.readFileSync(envFile, 'utf8')
  try {
    fs.writeFileSync(envFile, `${bytes}\nTINKOFF_SECRET_KEY=${quote(fromFile)}\nTINKOFF_TERMINAL_KEY=${quote(pem)}\n`)
    const env = { SBER_SECRET_KEY: fromEnv, SBER_MERCHANT_ID: fromEnv.toUpperCase(), YOOKASSA_SECRET_KEY: pem }
    const ran = await aqua(['up', 'dev', '--only', 'payment', '--verbose'], 0, { env })
    for (const secret of [fromEnv, fromFile])
      assert.not.ok(`${ran.stdout}${ran.stderr}`.includes(secret.trim()), 'a secret was printed')
  } finally {
    fs.writeFileSync(envFile, bytes)
  }
  const payment = await container('backend-payment')
  assert.is(stack.valueIn(payment, 'SBER_SECRET_KEY'), fromEnv)
  assert.is(stack.valueIn(payment, 'SBER_MERCHANT_ID'), fromEnv.toUpperCase())
  assert.is(stack.valueIn(payment, 'TINKOFF_SECRET_KEY'), fromFile)
  assert.is(stack.valueIn(payment, 'TINKOFF_TERMINAL_KEY'), pem)
  assert.is(stack.valueIn(payment, 'YOOKASSA_SECRET_KEY'), pem)
  assert.equal(besides('backend-payment', await running()), before)
})

test('Ctrl-C in the middle leaves nothing half-done, and the next up works on the same data', async () => {
  await json(['down'], 0)
  assert.is((await containers()).size, 0)
  assert.is((await stack.volumes()).length, 3)
  const up = startAqua(['up', 'dev'])
  await eventually('something is created', async () => (await containers()).size > 0)
  up.child.kill('SIGINT')
  const ran = stack.expectCode('up', await up.ended, 130)
  assert.ok(ran.seconds < 90)
  assert.equal(stack.descendants(), [])
  assert.equal(
    [...(await containers())].map(([name, { State }]) => `${name} ${State.Status}`),
    [],
  )
  await json(['up', 'dev'], 0)
  for (const name of names) assert.is((await container(name)).State.Health?.Status, 'healthy', name)
  assert.is(await stack.query('select email from "user".users order by id limit 1'), firstUser)
})

/** The safety set that a run names is there, with the users and the buckets. */
function assertSafetySet(stage: string, { safety }: Record<string, unknown>): void {
  const { set } = safety as { set: string }
  const text = fs.readFileSync(path.join(artifacts, stage, `${set}.manifest.json`), 'utf8')
  const manifest = JSON.parse(text) as Manifest
  assert.is(manifest.safety, 'before down --volumes')
  assert.ok((manifest.rows.user?.users ?? 0) > 0)
  for (const { name, stored } of manifest.files)
    assert.is(fs.statSync(path.join(artifacts, stage, name)).size, stored.bytes)
  const tars = manifest.files.filter(({ kind }) => kind === 'bucket').map(({ subject }) => subject)
  assert.equal(tars.sort(), ['aquastream-media', 'aquastream-payment'])
}

test('down --volumes refuses without a terminal, and with --yes takes everything', async () => {
  const before = await running()
  assert.is((await refusal(['down', '--volumes'], 6)).code, 'NOT_CONFIRMED')
  assert.is(await running(), before)
  assert.is((await stack.volumes()).length, 3)
  assertSafetySet('dev', (await json(['down', '--volumes', '--yes'], 0, { env: { BACKUP_DIR: artifacts } })).result)
  assert.equal(await stack.leftovers(stack.project), [])
})

test('data of another PostgreSQL major: exit 3, not a byte changed', async () => {
  const volume = `${stack.project}_postgres-data`
  const onVolume = (mode: string, script: string) =>
    docker(
      ...['run', '--rm', '--network', 'none', '--user', '0:0', '-v', `${volume}:/data${mode}`],
      ...['--entrypoint', 'sh', postgresImage, '-c', script],
    )
  await docker('volume', 'create', volume)
  try {
    await onVolume('', 'mkdir /data/pgdata && echo 12 > /data/pgdata/PG_VERSION && echo old > /data/pgdata/base')
    const look = () =>
      onVolume(':ro', 'cd /data && find . -type f -exec sha256sum {} + && find . -exec stat -c "%n %U %a %Y" {} +')
    const before = await look()
    const error = await refusal(['up', 'dev'], 3)
    assert.is(error.code, 'DATA_VERSION')
    assert.is(await look(), before)
    assert.is((await containers()).size, 0)
  } finally {
    await docker('volume', 'rm', volume)
  }
})

test('stage: only the gateway answers on this machine', async () => {
  for (const name of names) {
    const image = `${stack.imagePrefix}${name}`
    await docker('tag', `${image}:dev`, `${image}:${stageTag}`)
  }
  const port = 18280
  const env = {
    COMPOSE_PROJECT_NAME: stack.stageProject,
    IMAGE_TAG: stageTag,
    GATEWAY_PORT: String(port),
    GATEWAY_CORS_ALLOWED_ORIGINS: 'https://example.test',
  }
  await aqua(['env', 'init', 'stage'], 0, { env })
  // The example's placeholders are refused: that is what IMAGE_PREFIX, IMAGE_TAG and the origins above are for.
  assert.is((await refusal(['up', 'stage'], 5, { env: { ...env, IMAGE_TAG: 'latest' } })).code, 'ENV_PROBLEMS')
  assert.is((await containers(stack.stageProject)).size, 0)
  await aqua(['up', 'stage'], 0, { env, live: true })
  const all = await containers(stack.stageProject)
  assert.is(all.size, names.length + backing.length)
  const published = [...all].flatMap(([name, { NetworkSettings }]) =>
    Object.values(NetworkSettings.Ports ?? {})
      .flatMap((bound) => bound ?? [])
      .map(({ HostIp, HostPort }) => `${name} ${HostIp}:${HostPort}`),
  )
  assert.equal(published, [`backend-gateway 127.0.0.1:${port}`])
  for (const [name, { Config }] of all)
    if (names.includes(name)) assert.ok(Config.Image.endsWith(`:${stageTag}`), Config.Image)
  assert.is(await stack.answers(port), true)
  for (const other of [15432, 16379, 19000, 19001, 18101, 18102, 18103, 18104, 18105, 18106])
    assert.is(await stack.answers(other), false, `port ${other} answers`)
  await json(['smoke', 'stage'], 0, { env })
  // No port of the S3 server is published there; aqua reaches it all the same.
  await json(['minio-put-test', 'stage'], 0, { env })
  const down = await json(['down', 'stage', '--volumes', '--yes'], 0, { env: { ...env, BACKUP_DIR: artifacts } })
  assertSafetySet('stage', down.result)
})

test('nothing is left', async () => {
  devFile.restore()
  stageFile.restore()
  assert.equal(await stack.leftovers(stack.project), [])
  assert.equal(await stack.leftovers(stack.stageProject), [])
  assert.equal(stack.descendants(), [])
})

test.run()
