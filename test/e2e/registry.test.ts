import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as stack from './stack.ts'
import { answers, aqua, docker, eventually, json, refusal } from './stack.ts'

// A real registry on loopback. The images are the ones that the stack's own test has built, or are built here.

const has =
  spawnSync('docker-registry', ['--version']).status === 0 || spawnSync('registry', ['--version']).status === 0
const binary = spawnSync('docker-registry', ['--version']).status === 0 ? 'docker-registry' : 'registry'
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-registry-'))
let server: ChildProcess | undefined
let host = ''
let env: Record<string, string> = {}

async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const listener = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = listener.address() as net.AddressInfo
      listener.close(() => resolve(port))
    })
  })
}

async function startRegistry(port: number): Promise<void> {
  const config = path.join(folder, 'config.yml')
  fs.writeFileSync(
    config,
    `version: 0.1\nlog: { level: warn }\nstorage: { filesystem: { rootdirectory: ${folder}/data }, delete: { enabled: true } }\nhttp: { addr: 127.0.0.1:${port} }\n`,
  )
  server = spawn(binary, ['serve', config], { stdio: 'ignore' })
  await eventually('the registry answers', () => answers(port), 20)
}

/** Tags and the digest of each, as the registry itself says. */
async function tags(name: string): Promise<Record<string, string>> {
  const listed = (await (await fetch(`http://${host}/v2/${name}/tags/list`)).json()) as { tags?: string[] }
  const entries = (listed.tags ?? []).map(async (tag) => {
    const accept =
      'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json'
    const answer = await fetch(`http://${host}/v2/${name}/manifests/${tag}`, { method: 'HEAD', headers: { accept } })
    return [tag, answer.headers.get('docker-content-digest') ?? ''] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

const skip = has ? undefined : 'no docker-registry on PATH'
const check = (name: string, work: () => Promise<void>) => (skip ? test.skip(name, skip as never) : test(name, work))

test.before(async () => {
  if (skip) return
  const port = await freePort()
  host = `127.0.0.1:${port}`
  env = { IMAGE_PREFIX: `${host}/aqua/` }
  await startRegistry(port)
})

test.after(async () => {
  server?.kill()
  fs.rmSync(folder, { recursive: true, force: true })
  if (skip) return
  const names = (await docker('image', 'ls', '--format', '{{.Repository}}:{{.Tag}}'))
    .split('\n')
    .filter((name) => name.startsWith(host) && !name.endsWith('<none>'))
  if (names.length > 0) await docker('rmi', '--force', ...names)
})

check('two builds of the same sources are the same image', async () => {
  await aqua(['build-images', '--only', 'gateway'], 0, { env, live: true })
  const id = () => docker('image', 'inspect', '--format', '{{.Id}}', `${host}/aqua/backend-gateway:dev`)
  const first = await id()
  await docker('builder', 'prune', '--all', '--force')
  await aqua(['build-images', '--only', 'gateway', '--tag', 'again'], 0, { env, live: true })
  assert.is(await docker('image', 'inspect', '--format', '{{.Id}}', `${host}/aqua/backend-gateway:again`), first)
})

check('a build pushes the tags it is asked for, and no other tag moves', async () => {
  const { result } = await json(
    ['push-images', '--only', 'gateway', '--tag', 'v1.0.0', '--tag', 'latest', '--tag', 'sha-1111111'],
    0,
    { env },
  )
  const pushed = result.pushed as { name: string; digest: string }[]
  const before = await tags('aqua/backend-gateway')
  assert.equal(Object.keys(before).sort(), ['latest', 'sha-1111111', 'v1.0.0'])
  assert.ok(pushed.every(({ digest }) => digest === before.latest))
  assert.equal(JSON.parse(fs.readFileSync(path.join(stack.root, 'reports', 'images', 'digests.json'), 'utf8')), pushed)
  // What a pull request may do: its own tag, from other sources.
  await aqua(['build-images', '--only', 'gateway', '--tag', 'sha-2222222', '--version', 'pr', '--push'], 0, { env })
  const after = await tags('aqua/backend-gateway')
  assert.ok(after['sha-2222222'] && after['sha-2222222'] !== before.latest)
  assert.is(after.latest, before.latest)
})

check('pulled back by its digest, the image runs and becomes healthy', async () => {
  const digest = (await tags('aqua/backend-gateway')).latest
  const reference = `${host}/aqua/backend-gateway@${digest}`
  for (const tag of ['dev', 'again', 'v1.0.0', 'latest', 'sha-1111111'])
    await docker('rmi', '--force', `${host}/aqua/backend-gateway:${tag}`)
  await docker('pull', reference)
  const network = 'aqua-e2e-registry'
  const names = [`${network}-redis`, `${network}-gateway`]
  const sweep = async () => {
    for (const name of names) await docker('rm', '-f', '-v', name).catch(() => '')
    await docker('network', 'rm', network).catch(() => '')
  }
  await sweep()
  try {
    await docker('network', 'create', network)
    await docker(
      'run',
      '-d',
      '--name',
      names[0] ?? '',
      '--network',
      network,
      '--network-alias',
      'redis',
      '--entrypoint',
      'redis-server',
      process.env.REDIS_IMAGE || 'aqua/valkey:8.1-trixie',
      '--protected-mode',
      'no',
    )
    const settings = [
      'SPRING_DATA_REDIS_HOST=redis',
      'JWT_SECRET=0123456789abcdef0123456789abcdef0123456789abcdef',
      'SPRING_PROFILES_ACTIVE=dev',
      'MANAGEMENT_ENDPOINT_HEALTH_PROBES_ENABLED=true',
    ]
    await docker(
      'run',
      '-d',
      '--name',
      names[1] ?? '',
      '--network',
      network,
      '--read-only',
      '--tmpfs',
      '/tmp',
      '--cap-drop',
      'ALL',
      '-m',
      '512m',
      ...settings.flatMap((line) => ['-e', line]),
      reference,
    )
    const health = () => docker('inspect', '--format', '{{.State.Health.Status}}', names[1] ?? '')
    await eventually('the gateway is healthy', async () => (await health()) === 'healthy', 180)
    // The archive is in use, not merely there: a class of a library comes from it.
    const look =
      'timeout 60 java -Xshare:on -Xlog:class+load @/app/archive.args @/app/launch.args | grep -m1 boot.SpringApplication'
    const said = await docker('run', '--rm', '--entrypoint', 'bash', reference, '-c', look)
    assert.match(said, /org\.springframework\.boot\.SpringApplication source: shared objects file/)
  } finally {
    await sweep()
  }
})

check('a registry that is away is asked again, then named; a registry that comes back is used', async () => {
  const port = Number(host.split(':')[1])
  server?.kill('SIGKILL')
  await eventually('the registry is gone', async () => !(await answers(port)), 10)
  const built = { ...env, IMAGE_TAG: 'sha-2222222' }
  const error = await refusal(['push-images', '--only', 'gateway', '--attempts', '2'], 3, { env: built })
  assert.is(error.code, 'PUSH_FAILED')
  assert.match(error.message, /after 2 attempts/)
  const running = stack.startAqua(['push-images', '--only', 'gateway', '--json'], { env: built })
  await new Promise((resolve) => setTimeout(resolve, 1500))
  await startRegistry(port)
  assert.is((await running.ended).code, 0)
})

check('an image that was never built, a prefix without a registry', async () => {
  for (const more of [[], ['--tag', 'v1.0.0']])
    assert.is((await refusal(['push-images', '--only', 'crew', ...more], 3, { env })).code, 'IMAGE_MISSING')
  assert.is((await refusal(['push-images', '--only', 'crew'], 2)).code, 'NO_REGISTRY')
})

test.run()
