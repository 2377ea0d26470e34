import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { diagnose, type Probes, verdict } from '../../docker/doctor.ts'
import { diskFinding, memoryFinding } from '../../docker/requirements/capacity.ts'
import { devPorts } from '../../docker/requirements/ports.ts'
import { registryAddress, registryFinding } from '../../docker/requirements/registry.ts'
import { nodeFinding, systemFinding } from '../../docker/requirements/runtime.ts'

const gib = 1024 ** 3
const ready: Probes = {
  now: new Date('2026-11-23'),
  platform: 'linux',
  arch: 'x64',
  system: 'Debian GNU/Linux 13 (trixie)',
  node: '24.11.0',
  git: '2.47.3',
  docker: 'docker',
  info: {
    client: true,
    clientVersion: '28.2.2',
    context: 'default',
    compose: '2.26.1-4',
    buildx: '0.13.1',
    server: { version: '26.1.5', memory: 8 * gib, rootDir: '/', hostName: 'x', system: 'Debian', registry: undefined },
    error: undefined,
  },
  clients: [{ path: '/usr/bin/docker', version: undefined, compose: undefined }],
  disk: { folder: '/', free: 50 * gib },
  jdk: { home: '/jdk', version: '21.0.9' },
  tool: 'mvn',
  mmdebstrap: true,
  authority: { file: undefined, readable: false },
  ports: { wanted: [], taken: [], ours: 0 },
  registry: undefined,
}

const states = (probes: Probes) => Object.fromEntries(diagnose(probes).map((one) => [one.requirement, one.state]))
const fixOf = (probes: Probes, name: string) => diagnose(probes).find((one) => one.requirement === name)?.fix

test('a machine that has everything: all ok, no verdict', () => {
  assert.equal([...new Set(Object.values(states(ready)))], ['ok'])
  assert.is(verdict(diagnose(ready)), undefined)
})

test('a machine with nothing: each missing part, exit 3, and the one command that mends it', () => {
  const info = { ...ready.info, client: false, compose: undefined, buildx: undefined, server: undefined }
  const findings = diagnose({ ...ready, info, clients: [] })
  const error = verdict(findings)
  assert.is(error?.exitCode, 3)
  assert.is(error?.message, 'not ready: docker client, compose, buildx, docker engine')
  assert.is(error?.hint, 'aqua doctor --fix')
})

test('what is optional never stops: git, JDK, build tool, mmdebstrap', () => {
  const probes: Probes = { ...ready, git: undefined, jdk: undefined, tool: 'container', mmdebstrap: false }
  const found = states(probes)
  assert.equal([found.git, found.JDK, found['build tool'], found.mmdebstrap], ['info', 'info', 'info', 'info'])
  assert.is(verdict(diagnose(probes)), undefined)
})

test('several clients of different versions are pointed out, the same version twice is not', () => {
  const two = (a: string, b: string): Probes => ({
    ...ready,
    clients: [
      { path: '/usr/local/bin/docker', version: a, compose: '2.26.1' },
      { path: '/usr/bin/docker', version: b, compose: '2.26.1' },
    ],
  })
  assert.match(fixOf(two('28.2.2', '26.1.5'), 'docker clients') ?? '', '/usr/local/bin/docker is used')
  assert.is(states(two('28.2.2', '28.2.2'))['docker clients'], undefined)
})

test('a client without compose beside one that has it: AQUA_DOCKER is the way out', () => {
  const probes: Probes = {
    ...ready,
    info: { ...ready.info, compose: undefined },
    clients: [
      { path: '/opt/docker', version: '28.2.2', compose: undefined },
      { path: '/usr/bin/docker', version: '26.1.5', compose: '2.26.1' },
    ],
  }
  assert.match(fixOf(probes, 'compose') ?? '', 'AQUA_DOCKER=/usr/bin/docker')
})

test('Node: too old, past its end of life, fine', () => {
  const now = new Date('2026-11-23')
  assert.is(nodeFinding('18.20.0', now).state, 'missing')
  assert.is(nodeFinding('20.20.2', now).state, 'warning')
  assert.is(nodeFinding('20.20.2', new Date('2026-04-29')).state, 'ok')
  assert.is(nodeFinding('24.11.0', now).state, 'ok')
})

test('systems: WSL instead of Windows, a warning where images are emulated', () => {
  assert.is(systemFinding('win32', 'x64', undefined).state, 'missing')
  assert.is(systemFinding('linux', 'riscv64', 'Debian').state, 'warning')
  assert.is(systemFinding('darwin', 'arm64', undefined).state, 'ok')
})

test('thresholds of memory and disk', () => {
  assert.equal(
    [3.4, 4, 6].map((size) => memoryFinding(size * gib).state),
    ['missing', 'warning', 'ok'],
  )
  const disk = (free: number, builds: boolean) => diskFinding({ folder: '/', free: free * gib }, builds).state
  assert.equal([disk(2, false), disk(5, false), disk(5, true), disk(9, true)], ['missing', 'ok', 'warning', 'ok'])
})

test('ports of dev: eleven, moved by their variables', () => {
  assert.is(devPorts(() => undefined).length, 11)
  const moved = devPorts((name) => (name === 'POSTGRES_PORT' ? '15432' : undefined))
  assert.is(moved.find(({ container }) => container === 'postgres')?.port, 15_432)
  const holder = { kind: 'process', name: 'java', pid: 9 } as const
  const taken = moved.slice(0, 1).map((wanted) => ({ wanted, holder }))
  const probes: Probes = { ...ready, ports: { wanted: moved, taken, ours: 0 } }
  assert.match(fixOf(probes, 'port 8080') ?? '', 'set GATEWAY_PORT in env/.env.dev')
  assert.is(verdict(diagnose(probes))?.exitCode, 3)
})

test('a CA file that cannot be read is a warning, one that can is worth a line', () => {
  assert.is(states({ ...ready, authority: { file: '/ca.pem', readable: true } }).certificates, 'info')
  assert.is(states({ ...ready, authority: { file: '/ca.pem', readable: false } }).certificates, 'warning')
})

test('the registry asked is the mirror, else the one that the engine names', () => {
  assert.is(registryAddress('mirror.example:5000/team', undefined), 'https://mirror.example:5000/v2/')
  assert.is(registryAddress(undefined, 'https://index.example/v1/'), 'https://index.example/v2/')
  assert.is(registryAddress(undefined, undefined), undefined)
})

test('a registry that wants a login is reached; one that limits, fails or is not there is a warning', async () => {
  const server = http.createServer((request, response) => {
    response.statusCode = Number(request.url?.slice(1, 4))
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const at = (code: number) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${code}`
  const addresses = [at(401), at(429), at(503)]
  const found = await Promise.all(addresses.map((address) => registryFinding(address)))
  await new Promise((resolve) => server.close(resolve))
  assert.equal(
    found.map(({ state }) => state),
    ['ok', 'warning', 'warning'],
  )
  assert.is((await registryFinding(addresses[0])).state, 'warning')
  assert.is((await registryFinding(undefined)).state, 'warning')
})

test.run()
