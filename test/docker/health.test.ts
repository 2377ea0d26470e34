import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { judge, waitHealthy } from '../../docker/health.ts'
import type { Container } from '../../docker/inspect.ts'
import { isAquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'

type State = Partial<Container['State']>
function container(state: State, restarts = 0, name = 'backend-user'): Container {
  return {
    Id: `id-${name}`,
    Name: `/p-${name}-1`,
    Image: 'sha256:0',
    RestartCount: restarts,
    State: { Status: 'running', ExitCode: 0, OOMKilled: false, Error: '', StartedAt: '', ...state },
    Config: { Labels: { 'com.docker.compose.service': name }, Env: [], Image: 'x', User: '1000:1000' },
    NetworkSettings: { Ports: {} },
  }
}
const health = (Status: 'starting' | 'healthy' | 'unhealthy', Output = '') => ({
  Health: { Status, Log: Output ? [{ ExitCode: 1, Output }] : null },
})
const state = (of: State, restarts = 0, before = 0) => judge(container(of, restarts), false, before).state
const oneShot = (of: State, restarts = 0, before = 0) => judge(container(of, restarts), true, before).state

test('a service is ready when healthy, or running without a health check', () => {
  assert.is(state({ ...health('healthy') }), 'ready')
  assert.is(state({}), 'ready')
  assert.is(state({ ...health('starting') }), 'waiting')
  assert.is(state({ ...health('unhealthy') }), 'failed')
})

test('a one-shot is ready once it has ended with 0, failed with anything else, waited for until then', () => {
  assert.is(oneShot({ Status: 'exited' }), 'ready')
  assert.is(oneShot({ Status: 'exited', ExitCode: 1 }), 'failed')
  assert.is(oneShot({ Status: 'running' }), 'waiting')
  assert.is(oneShot({ Status: 'created' }), 'waiting')
  assert.is(oneShot({ Status: 'exited' }, 5), 'ready', 'it needed some attempts')
  assert.is(oneShot({ Status: 'exited', ExitCode: 137, OOMKilled: true }), 'failed')
})

test('a service that ends is failed, also with 0', () => {
  assert.is(state({ Status: 'exited' }), 'failed')
  assert.is(state({ Status: 'exited', ExitCode: 1 }), 'failed')
  assert.is(state({ Status: 'dead', ExitCode: 1 }), 'failed')
})

test('a crash loop is failed at the second end of this run; earlier ones do not count', () => {
  assert.is(state({ Status: 'restarting', ExitCode: 1 }, 1), 'waiting')
  assert.is(state({ Status: 'restarting', ExitCode: 1 }, 2), 'failed')
  assert.is(state({ Status: 'running', ...health('starting') }, 2), 'failed')
  assert.is(state({ Status: 'restarting', ExitCode: 1 }, 8, 7), 'waiting')
  assert.is(state({ Status: 'restarting', ExitCode: 1 }, 9, 7), 'failed')
})

test('out of memory is named, whatever else is true', () => {
  const verdict = judge(container({ Status: 'restarting', ExitCode: 137, OOMKilled: true }, 1), false)
  assert.is(verdict.state, 'failed')
  assert.match(verdict.state === 'failed' ? verdict.why : '', 'memory')
})

test('created waits for what it needs, unless the engine said why it cannot start', () => {
  assert.is(state({ Status: 'created' }), 'waiting')
  assert.equal(judge(container({ Status: 'created', Error: 'port is taken' }), false), {
    state: 'failed',
    why: 'port is taken',
  })
  assert.equal(judge(container(health('starting', ' connection\n refused ')), false), {
    state: 'waiting',
    why: 'connection refused',
  })
})

/** An engine whose containers change from look to look. */
function engine(...looks: Container[][]) {
  let look = 0
  let found: Container[] = []
  const io = {
    probe: async (argv: readonly string[]) => {
      if (argv[1] === 'ps') {
        found = looks[Math.min(look, looks.length - 1)] ?? []
        look += 1
        return { code: 0, stdout: found.map(({ Id }) => `${Id}\n`).join(''), stderr: '' }
      }
      if (argv[1] === 'inspect') return { code: 0, stdout: JSON.stringify(found), stderr: '' }
      return { code: 0, stdout: 'one\ntwo\n', stderr: 'three\n' }
    },
    progress: () => {},
    sleep: () => Promise.resolve(),
  } as unknown as Io
  return { io, looks: () => look }
}
const options = (
  wanted: string[],
  more: { timeout?: number; creating?: () => boolean; before?: [string, number][] } = {},
) => ({
  docker: 'docker',
  project: 'p',
  wanted: new Set(wanted),
  timeout: more.timeout ?? 60,
  restartsBefore: new Map(more.before ?? []),
  creating: more.creating ?? (() => false),
})
async function failure(work: Promise<unknown>) {
  try {
    await work
  } catch (error) {
    if (isAquaError(error)) return error
    throw error
  }
  throw new Error('it became healthy')
}

test('waits until all are ready, a one-shot that ended with 0 among them', async () => {
  const starting = container(health('starting'))
  const init = container({ Status: 'running' }, 0, 'minio-init')
  const { io, looks } = engine(
    [starting, init],
    [container(health('healthy')), init],
    [container(health('healthy')), container({ Status: 'exited' }, 0, 'minio-init')],
  )
  const ready = await waitHealthy(io, options(['backend-user', 'minio-init']))
  assert.equal([ready.length, looks()], [2, 3])
})

test('the first that cannot become healthy ends the wait: 4, its probe, its log, the service in the hint', async () => {
  const { io, looks } = engine([
    container({ Status: 'exited', ExitCode: 3, ...health('unhealthy', 'no route') }),
    container({}, 0, 'redis'),
  ])
  const error = await failure(waitHealthy(io, options(['backend-user', 'redis'])))
  assert.equal([error.exitCode, error.code, looks()], [4, 'NOT_HEALTHY', 1])
  assert.match(error.message, 'backend-user')
  assert.equal(error.details.slice(1), ['  last probe: no route', '  | one', '  | two', '  | three'])
  assert.match(error.hint ?? '', 'logs user')
})

test('a one-shot that says what is wrong is believed; for others the hint names a task that takes them', async () => {
  const failed = container({ Status: 'exited', ExitCode: 1 }, 0, 'postgres-init')
  const { io } = engine([failed, container({ Status: 'created' })])
  const words = 'roles: error: older\nroles: error: x is not the password\nroles: hint: aqua db roles --superuser\n'
  const speaking = {
    ...io,
    probe: async (argv: readonly string[]) =>
      argv[1] === 'logs' ? { code: 0, stdout: '', stderr: words } : io.probe(argv),
  }
  const said = await failure(waitHealthy(speaking as Io, options(['postgres-init', 'backend-user'])))
  assert.equal([said.exitCode, said.message, said.hint], [4, 'x is not the password', 'aqua db roles --superuser'])
  const silent = await failure(waitHealthy(io, options(['postgres-init', 'backend-user'])))
  assert.is(silent.message, 'postgres-init ended with 1')
  assert.match(silent.hint ?? '', /aqua logs postgres-init .*aqua up tries/)
})

test('a container of no interest does not fail the wait', async () => {
  const { io } = engine([container({}), container({ Status: 'exited', ExitCode: 1 }, 0, 'backend-crew')])
  assert.is((await waitHealthy(io, options(['backend-user']))).length, 1)
})

test('the deadline holds: 4, naming who is late and not who waits behind it', async () => {
  const { io } = engine([container(health('starting')), container({ Status: 'created' }, 0, 'backend-event')])
  const error = await failure(waitHealthy(io, options(['backend-user', 'backend-event'], { timeout: 0 })))
  assert.is(error.exitCode, 4)
  assert.match(error.message, 'backend-user not healthy')
})

test('while compose creates, an ended container of the last run and a missing one are no verdict; afterwards they are', async () => {
  const old = container({ Status: 'exited', ExitCode: 143 })
  let creating = 2
  const { io } = engine([old], [], [container(health('healthy'))])
  const ready = await waitHealthy(
    io,
    options(['backend-user'], { creating: () => creating-- > 0, before: [['id-backend-user', 0]] }),
  )
  assert.is(ready.length, 1)
  const left = await failure(
    waitHealthy(engine([old]).io, options(['backend-user'], { before: [['id-backend-user', 0]] })),
  )
  assert.is(left.code, 'NOT_HEALTHY')
  assert.is((await failure(waitHealthy(engine([]).io, options(['backend-user'])))).code, 'NOT_CREATED')
})

test.run()
