import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ImageKey, thirdPartyImages } from '../../docker/images/catalogue.ts'
import { chosenSource, imageNames, pullError, thirdPartyStep } from '../../docker/thirdparty.ts'
import type { Context } from '../../scripts/context.ts'
import type { CommandResult, Io } from '../../scripts/step.ts'
import { root, temporary } from './fixture.ts'

const codeOf = (stderr: string) => pullError('x:1', { code: 1, stdout: '', stderr })?.code

test('out of reach: no route, no name, refused, blocked, rate-limited, a broken TLS', () => {
  const daemon = 'Error response from daemon: Get "https://registry.example/v2/": '
  for (const said of [
    'dial tcp: lookup registry.example on 192.0.2.1:53: no such host',
    'dial tcp 192.0.2.1:443: connect: network is unreachable',
    'dial tcp 192.0.2.1:443: connect: connection refused',
    'dial tcp 192.0.2.1:443: i/o timeout',
    'net/http: TLS handshake timeout',
    'net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)',
    'read tcp 192.0.2.1:443: read: connection reset by peer',
    'context deadline exceeded',
    'EOF',
    'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    'proxyconnect tcp: dial tcp 192.0.2.1:3128: connect: connection refused',
    'error parsing HTTP 403 response body: 403 Forbidden',
    'toomanyrequests: You have reached your pull rate limit.',
  ])
    assert.is(codeOf(`Trying\n${daemon}${said}\n`), 'REGISTRY_OUT_OF_REACH', said)
})

test('a wrong tag is said to be one; a login and a full disk are neither', () => {
  for (const said of [
    'Error response from daemon: manifest for x:1 not found: manifest unknown: manifest unknown',
    'Error response from daemon: manifest unknown',
  ])
    assert.is(codeOf(said), 'IMAGE_UNKNOWN', said)
  for (const said of [
    'Error response from daemon: pull access denied for x, repository does not exist or may require docker login: denied: requested access to the resource is denied',
    'Error response from daemon: unauthorized: authentication required',
    'failed to register layer: write /usr/lib/x: no space left on device',
    '',
  ])
    assert.is(codeOf(said), undefined, said)
})

test('names: by source, with a mirror before what is pulled, a variable before all', () => {
  const registry = imageNames('registry', {}, 'mirror.example/')
  const debian = imageNames('debian', {}, 'mirror.example/')
  for (const image of thirdPartyImages) {
    assert.is(registry[image.key], image.registry ? `mirror.example/${image.registry}` : image.debian)
    assert.is(debian[image.key], image.debian)
  }
  assert.is(imageNames('debian', { POSTGRES_IMAGE: 'own/postgres:1' }).POSTGRES_IMAGE, 'own/postgres:1')
  assert.is(
    imageNames('registry', { POSTGRES_IMAGE: '' }, '').POSTGRES_IMAGE,
    imageNames('registry', {}).POSTGRES_IMAGE,
  )
})

test('images built here carry names of their own; every image can be built after what it is built from', () => {
  const seen = new Set<ImageKey>()
  for (const image of thirdPartyImages) {
    assert.match(image.debian, /^aqua\/[a-z]+:[\w.-]+$/)
    for (const base of Object.values(image.bases)) assert.ok(seen.has(base), `${image.key} needs ${base}`)
    seen.add(image.key)
  }
})

type Answer = (argv: readonly string[]) => Partial<CommandResult> | undefined

/** An engine with some images, that answers to pull as told. */
function engine(present: string[], pull: Answer) {
  const calls: string[] = []
  const io = {
    out: { note: () => {} },
    progress: () => {},
    done: () => {},
    result: () => {},
    probe: async (argv: readonly string[]) => {
      const found = argv.slice(3).filter((name) => present.includes(name))
      const stdout = JSON.stringify(
        found.map((name) => ({ Id: name, RepoTags: [name], Config: { Labels: null, Env: null }, Size: 1 })),
      )
      return { code: found.length < argv.length - 3 ? 1 : 0, stdout, stderr: '' }
    },
    run: async (argv: readonly string[], options: { explain?: (result: CommandResult) => Error | undefined } = {}) => {
      const name = argv[1] === 'build' ? argv[argv.indexOf('-t') + 1] : argv[0] === 'bash' ? argv[2] : argv.at(-1)
      calls.push(`${argv[1] === 'pull' || argv[1] === 'build' ? argv[1] : 'base'} ${name}`)
      const result = { code: 0, stdout: '', stderr: '', ...pull(argv) }
      if (result.code !== 0) throw options.explain?.(result) ?? new Error(result.stderr)
      return result
    },
  } as unknown as Io
  return { io, calls }
}

function step(asked?: 'registry' | 'debian', overrides = {}) {
  const { folder } = temporary()
  const ctx = {
    root,
    stateDir: folder,
    env: { AQUA_DEBIAN_MIRROR: 'http://mirror.example/debian' },
  } as unknown as Context
  const third = thirdPartyStep(ctx, {
    docker: 'docker',
    asked,
    remembered: { source: asked ?? 'registry' },
    overrides,
    mirror: '',
    needs: ['POSTGRES_IMAGE', 'RUNTIME_IMAGE'],
  })
  return { ctx, ...third }
}
const blocked: Answer = (argv) => (argv[1] === 'pull' ? { code: 1, stderr: 'dial tcp: no such host' } : undefined)

test('what is there is not fetched; what is missing is pulled by its exact name', async () => {
  const { step: act, names } = step()
  const { io, calls } = engine([names().RUNTIME_IMAGE], () => undefined)
  await act.act(io)
  assert.equal(calls, [`pull ${names().POSTGRES_IMAGE}`])
})

test('no registry: built from Debian, the base first and once, and remembered', async () => {
  const { ctx, step: act, names } = step()
  const { io, calls } = engine([], blocked)
  await act.act(io)
  const debian = imageNames('debian', {})
  assert.equal(calls.slice(1), [
    `base ${debian.BASE_IMAGE}`,
    `build ${debian.POSTGRES_IMAGE}`,
    `build ${debian.RUNTIME_IMAGE}`,
  ])
  assert.equal(names(), debian)
  assert.is((await chosenSource(ctx, undefined)).source, 'debian')
  assert.is((await chosenSource(ctx, 'registry')).source, 'registry')
})

test('--images registry means it; a wrong tag does not lead to Debian', async () => {
  for (const [asked, stderr] of [
    ['registry', 'dial tcp: no such host'],
    [undefined, 'manifest unknown'],
  ] as const) {
    const { ctx, step: act } = step(asked)
    const { io, calls } = engine([], () => ({ code: 1, stderr }))
    let failed = false
    await act.act(io).catch(() => {
      failed = true
    })
    assert.equal([failed, calls.length], [true, 1])
    assert.is((await chosenSource(ctx, undefined)).source, 'registry')
  }
})

test('an image named by its variable is pulled, never built under that name', async () => {
  const { step: act } = step('debian', { POSTGRES_IMAGE: 'own/postgres:1', RUNTIME_IMAGE: 'own/java:1' })
  const { io, calls } = engine([], () => undefined)
  await act.act(io)
  assert.equal(calls, ['pull own/postgres:1', 'pull own/java:1'])
})

test.run()
