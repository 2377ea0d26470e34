import net from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { WantedPort } from '../../docker/ports.ts'
import { type PreflightOptions, preflight } from '../../docker/preflight.ts'
import type { AquaError } from '../../scripts/error.ts'
import type { CommandResult } from '../../scripts/step.ts'

const gib = 1024 ** 3
const engine = (change: Record<string, unknown> = {}, compose = '2.26.1-4') =>
  JSON.stringify({
    ServerVersion: '26.1.5',
    MemTotal: 8 * gib,
    DockerRootDir: '/nowhere',
    Name: 'another-machine',
    ClientInfo: { Version: '28.2.2', Context: 'default', Plugins: [{ Name: 'compose', Version: compose }] },
    ...change,
  })

/** A machine whose docker says this. */
function machine(info: string | CommandResult, ps = '', env: Record<string, string> = {}) {
  const asked: string[] = []
  return {
    asked,
    platform: process.platform,
    env,
    cwd: process.cwd(),
    probe: async (argv: readonly string[]): Promise<CommandResult> => {
      asked.push(argv.slice(1, 2).join(' '))
      if (argv[1] === 'ps') return { code: 0, stdout: ps, stderr: '' }
      return typeof info === 'string' ? { code: 0, stdout: info, stderr: '' } : info
    },
  }
}

const options = (ports: WantedPort[] = []): PreflightOptions => ({
  docker: 'docker',
  project: 'aqua-dev',
  stage: 'dev',
  ports,
  builds: false,
})

const wanted = (port: number, variable = 'POSTGRES_PORT'): WantedPort => ({
  port,
  host: '127.0.0.1',
  variable,
  container: 'postgres',
})

async function refusal(ctx: ReturnType<typeof machine>, given = options()): Promise<AquaError> {
  try {
    await preflight(ctx, given)
  } catch (error) {
    return error as AquaError
  }
  throw new Error('it was let through')
}

async function listener(): Promise<{ port: number; close(): Promise<unknown> }> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as net.AddressInfo
  return { port, close: () => new Promise((resolve) => server.close(resolve)) }
}

test('a machine that has everything costs two docker calls', async () => {
  const ctx = machine(engine())
  const { info, warnings } = await preflight(ctx, options())
  assert.is(info.server?.version, '26.1.5')
  assert.is(info.compose, '2.26.1-4')
  assert.equal(warnings, [])
  assert.equal(ctx.asked.sort(), ['info', 'ps'])
})

test('no docker at all is one clear error', async () => {
  const error = await refusal(machine({ code: 127, stdout: '', stderr: 'docker: not found' }))
  assert.is(error.code, 'ENGINE_MISSING')
  assert.is(error.exitCode, 3)
})

test('an engine that is down, and one that this user may not use', async () => {
  const client = engine({ ServerVersion: '', MemTotal: 0 })
  const down = await refusal(
    machine({
      code: 1,
      stdout: client,
      stderr: 'Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?',
    }),
  )
  assert.is(down.code, 'ENGINE_DOWN')
  const denied = await refusal(
    machine({
      code: 1,
      stdout: client,
      stderr: 'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock',
    }),
  )
  assert.is(denied.code, 'ENGINE_DENIED')
})

test('an engine that hangs is given up on', async () => {
  const hung = machine({ code: null, stdout: '', stderr: '' })
  const probe = async (argv: readonly string[]) =>
    argv[1] === 'compose' ? { code: 0, stdout: '2.40.3\n', stderr: '' } : hung.probe(argv)
  const error = await refusal({ ...hung, probe })
  assert.match(error.message, 'did not answer')
  assert.is(error.exitCode, 3)
})

test('compose: absent, too old, new enough', async () => {
  const none = engine({ ClientInfo: { Version: '28', Plugins: [] } })
  assert.is((await refusal(machine(none))).code, 'COMPOSE_MISSING')
  assert.is((await refusal(machine(engine({}, '2.25.0')))).code, 'COMPOSE_OLD')
  assert.ok(await preflight(machine(engine({}, 'v5.1.0')), options()))
})

test('memory: under 3.5 GiB refused, under 5 GiB warned', async () => {
  assert.is((await refusal(machine(engine({ MemTotal: 2 * gib })))).code, 'MEMORY_LOW')
  const { warnings } = await preflight(machine(engine({ MemTotal: 4 * gib })), options())
  assert.is(warnings.length, 1)
  assert.match(warnings[0] ?? '', 'engine memory: 4.0 GiB')
})

test('a port of our own containers is no obstacle, the same one of a stranger is', async () => {
  const busy = await listener()
  const ps = (project: string) => `ab\tdb-1\t${project}\tpostgres\t127.0.0.1:${busy.port}->5432/tcp\n`
  try {
    assert.ok(await preflight(machine(engine(), ps('aqua-dev')), options([wanted(busy.port)])))
    const error = await refusal(machine(engine(), ps('other')), options([wanted(busy.port)]))
    assert.is(error.message, `port ${busy.port} is taken by container db-1 (project other)`)
  } finally {
    await busy.close()
  }
})

test('a container that publishes without a listening process is seen too', async () => {
  const free = await listener()
  await free.close()
  const error = await refusal(
    machine(engine(), `ab\tdb-1\tother\tx\t0.0.0.0:${free.port}->1/tcp\n`),
    options([wanted(free.port)]),
  )
  assert.match(error.message, 'container db-1')
})

test('everything that is wrong is told at once, in one error', async () => {
  const [one, two] = [await listener(), await listener()]
  try {
    const ctx = machine(engine({ MemTotal: gib }, '2.20.0'))
    const error = await refusal(ctx, options([wanted(one.port), wanted(two.port, 'REDIS_PORT')]))
    assert.is(error.exitCode, 3)
    assert.is(error.code, 'PREFLIGHT')
    const said = error.details.join('\n')
    for (const part of [
      'compose 2.20.0 is too old',
      'engine memory',
      `port ${one.port}`,
      `(pid ${process.pid})`,
      'REDIS_PORT',
    ])
      assert.ok(said.includes(part), part)
  } finally {
    await one.close()
    await two.close()
  }
})

test("an engine on another machine: this one's ports say nothing", async () => {
  const busy = await listener()
  try {
    const ctx = machine(engine(), '', { DOCKER_HOST: 'ssh://me@192.0.2.7' })
    assert.ok(await preflight(ctx, options([wanted(busy.port)])))
  } finally {
    await busy.close()
  }
})

test('podman keeps its plugins to itself and is asked', async () => {
  const said = JSON.stringify({ host: { memTotal: 8 * gib, hostname: 'x' }, version: { Version: '5.4.2' }, store: {} })
  const ctx = {
    ...machine(''),
    probe: async (argv: readonly string[]) => ({
      code: 0,
      stderr: '',
      stdout: argv[1] === 'info' ? said : argv[1] === 'compose' ? '2.38.1\n' : '',
    }),
  }
  const { info } = await preflight(ctx, { ...options(), docker: 'podman' })
  assert.is(info.compose, '2.38.1')
  assert.is(info.server?.memory, 8 * gib)
})

test.run()
