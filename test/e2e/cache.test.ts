import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as stack from './stack.ts'
import { aqua, docker, dockerWith, eventually } from './stack.ts'

// The engine's own builder exports no cache; an engine with the containerd image store does. Two such engines of the test's
// own: what one has built and exported, the other, which is new, finds. Each lives in a network namespace of its own, with a
// registry beside it, because an engine without a bridge deletes the one called docker0 where it starts. The base image's java is a
// stand-in that writes another archive each time it is asked, so that equal layers can only come from the cache.

const program = (name: string) =>
  (process.env.PATH ?? '').split(path.delimiter).find((folder) => fs.existsSync(path.join(folder, name)))
const lacks = ['dockerd', 'docker-registry', 'ip', 'unshare', 'nsenter'].find((name) => !program(name))
const skip =
  process.getuid?.() !== 0 ? 'only root can start an engine' : lacks === undefined ? undefined : `no ${lacks} on PATH`
const check = (name: string, work: () => Promise<void>) => (skip ? test.skip(name, skip as never) : test(name, work))

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-cache-'))
const runtime = 'aqua-e2e-cache/runtime:1'
const kept = path.join(stack.root, '.aqua', 'build-cache', 'backend-gateway')
const children: ChildProcess[] = []
const host = '127.0.0.1:5000'

const java = `#!/usr/bin/env bash
to= last=
for word; do
  [[ $last != --destination ]] || to=$word
  case $word in
    -XX:SharedArchiveFile=*) cat /proc/sys/kernel/random/uuid >"\${word#*=}" ;;
    -XX:DumpLoadedClassList=*) printf 'java/lang/Object id: 0\\n@lambda-proxy x\\n' >"\${word#*=}" ;;
    -XshowSettings:properties) echo '    java.specification.version = 21' ;;
    --launcher)
      mkdir -p /build/exploded/application/{META-INF,BOOT-INF/classes}
      printf 'Manifest-Version: 1.0\\nStart-Class: Main\\n' >/build/exploded/application/META-INF/MANIFEST.MF ;;
  esac
  last=$word
done
mkdir -p "\${to:-/tmp}"
`

interface Engine {
  env: Record<string, string>
  build(cache: string | undefined, tag: string): Promise<string[]>
  stop(): Promise<void>
}

/** An engine with sockets, folders and a containerd of its own, and the base image. */
async function startEngine(name: string): Promise<Engine> {
  const at = (file: string) => path.join(folder, name, file)
  fs.mkdirSync(path.join(folder, name))
  fs.writeFileSync(at('daemon.json'), '{ "features": { "containerd-snapshotter": true } }')
  const where = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid')]
  const net = ['--bridge', 'none', '--iptables=false', '--ip6tables=false']
  const DOCKER_HOST = `unix://${at('sock')}`
  const daemon = ['dockerd', '--config-file', at('daemon.json'), '-H', DOCKER_HOST, ...where, ...net]
  const child = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...daemon], {
    stdio: ['ignore', 'ignore', fs.openSync(at('log'), 'w')],
  })
  const env = {
    DOCKER_HOST,
    IMAGE_PREFIX: `${host}/aqua/`,
    COMPOSE_PROJECT_NAME: 'aqua-e2e-cache',
    RUNTIME_IMAGE: runtime,
  }
  const call = (...args: string[]) => dockerWith({ env }, ...args)
  await eventually('the engine answers', () => call('version').then(Boolean, () => false), 30)
  const registry = ['docker-registry', 'serve', path.join(folder, 'registry.yml')]
  const beside = spawn('nsenter', [`--net=/proc/${child.pid}/ns/net`, ...registry], { stdio: 'ignore' })
  children.push(child, beside)
  await call('load', '--quiet', '--input', path.join(folder, 'runtime.tar'))
  return {
    env,
    /** The layers of the gateway's image, built from nothing that this engine remembers. */
    async build(cache, tag) {
      await call('builder', 'prune', '--all', '--force')
      const asked = cache === undefined ? [] : ['--cache', cache]
      await aqua(['build-images', '--only', 'gateway', '--tag', tag, ...asked], 0, { env, live: true })
      const layers = ['image', 'inspect', '--format', '{{json .RootFS.Layers}}', `${host}/aqua/backend-gateway:${tag}`]
      return JSON.parse(await call(...layers)) as string[]
    },
    async stop() {
      for (const one of [child, beside]) one.kill()
      await eventually('the engine has ended', () => child.exitCode !== null || child.signalCode !== null, 30)
    },
  }
}

test.before(async () => {
  if (skip) return
  fs.writeFileSync(
    path.join(folder, 'registry.yml'),
    `version: 0.1\nlog: { level: warn }\nstorage: { filesystem: { rootdirectory: ${folder}/registry } }\nhttp: { addr: ${host} }\n`,
  )
  const context = path.join(folder, 'runtime')
  fs.mkdirSync(context)
  fs.writeFileSync(path.join(context, 'java'), java, { mode: 0o755 })
  const base = process.env.BASE_IMAGE || 'aqua/debian:trixie'
  fs.writeFileSync(path.join(context, 'Dockerfile'), `FROM ${base}\nCOPY java /usr/local/bin/java\n`)
  await docker('build', '-q', '-t', runtime, context)
  await docker('save', '--output', path.join(folder, 'runtime.tar'), runtime)
})

test.after(async () => {
  for (const child of children) child.kill()
  await eventually('all have ended', () => children.every((child) => child.exitCode !== null || child.signalCode), 30)
  if (!skip) await docker('rmi', '--force', runtime)
  fs.rmSync(folder, { recursive: true, force: true })
  fs.rmSync(kept, { recursive: true, force: true })
})

check('a cache in a folder and one in the registry: a new engine finds what another has built', async () => {
  const first = await startEngine('first')
  const built = { local: await first.build('local', 'a'), registry: await first.build('registry', 'b') }
  assert.ok(fs.existsSync(path.join(kept, 'index.json')))
  await first.stop()

  const second = await startEngine('second')
  try {
    assert.equal(await second.build('registry', 'c'), built.registry)
    assert.equal(await second.build('local', 'd'), built.local)
    // The counter-check: without a cache the archive is another one.
    assert.not.equal(await second.build(undefined, 'e'), built.local)
  } finally {
    await second.stop()
  }
})

test.run()
