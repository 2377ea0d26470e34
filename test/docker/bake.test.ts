import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bakeCommand, bakeError, namesFor, requireCache } from '../../docker/bake.ts'
import { registryOf } from '../../docker/push.ts'
import { revisionOf, webAddress } from '../../docker/revision.ts'
import { type Service, services } from '../../docker/services.ts'
import type { AquaError } from '../../scripts/error.ts'
import { temporary } from './fixture.ts'

const stack = {
  stage: 'dev' as const,
  project: 'p',
  files: ['base.yml', 'dev.yml'],
  env: { IMAGE_PREFIX: 'ghcr.io/acme/', IMAGE_TAG: 'dev' },
  docker: 'docker',
}
const user = services.find(({ short }) => short === 'user') as Service
const plain = {
  tags: [],
  platform: undefined,
  push: false,
  cache: undefined,
  revision: undefined,
  version: undefined,
  metadataFile: 'm.json',
}
const bake = (options: Partial<Parameters<typeof bakeCommand>[3]>) =>
  bakeCommand({ stateDir: '/state' }, stack, [user], { ...plain, ...options })
const sets = (argv: readonly string[]) => argv.filter((_, i) => argv[i - 1] === '--set')

test('without tags an image has its own name and stays on this engine', () => {
  assert.equal(bake({}), [
    ...['docker', 'buildx', 'bake', '--progress', 'plain', '--metadata-file', 'm.json'],
    ...['-f', 'base.yml', '-f', 'dev.yml', '--set', 'backend-user.tags=ghcr.io/acme/backend-user:dev'],
    ...['--set', 'backend-user.output=type=docker', 'backend-user'],
  ])
})

test('tags stand in place of the own one, and a push goes to all of them', () => {
  assert.equal(namesFor(stack.env, user, ['v1.2.3', 'latest']), [
    'ghcr.io/acme/backend-user:v1.2.3',
    'ghcr.io/acme/backend-user:latest',
  ])
  const argv = bake({ tags: ['v1.2.3', 'latest'], push: true, platform: 'linux/amd64' })
  assert.ok(argv.includes('--push'))
  assert.equal(sets(argv), [
    'backend-user.tags=ghcr.io/acme/backend-user:v1.2.3',
    'backend-user.tags=ghcr.io/acme/backend-user:latest',
    'backend-user.platform=linux/amd64',
  ])
})

test('a commit gives labels and the date of the image', () => {
  const commit = 'a'.repeat(40)
  const argv = bake({
    push: true,
    version: 'v1.2.3',
    revision: { commit, committedAt: 1_700_000_000, source: 'https://example.org/a/b' },
  })
  assert.equal(sets(argv).slice(1), [
    'backend-user.args.VERSION=v1.2.3',
    `backend-user.args.REVISION=${commit}`,
    'backend-user.args.CREATED=2023-11-14T22:13:20.000Z',
    'backend-user.args.SOURCE_DATE_EPOCH=1700000000',
    'backend-user.args.SOURCE=https://example.org/a/b',
  ])
})

test('each cache has a place of its own for every service', () => {
  const of = (cache: 'registry' | 'gha' | 'local') => sets(bake({ push: true, cache })).slice(1)
  assert.equal(of('registry'), [
    'backend-user.cache-from=type=registry,ref=ghcr.io/acme/backend-user:cache',
    'backend-user.cache-to=type=registry,ref=ghcr.io/acme/backend-user:cache,mode=max',
  ])
  assert.equal(of('gha')[1], 'backend-user.cache-to=type=gha,scope=backend-user,mode=max')
  const folder = path.join('/state', 'build-cache', 'backend-user')
  assert.equal(of('local')[1], `backend-user.cache-to=type=local,dest=${folder},mode=max`)
})

test('what the engine cannot do is said with the way out', () => {
  const failed = (stderr: string) => bakeError({ code: 1, stdout: '', stderr })
  assert.is(failed('ERROR: Cache export is not supported for the docker driver.')?.code, 'CACHE_UNSUPPORTED')
  assert.is(failed('ERROR: Multi-platform build is not supported for the docker driver.')?.code, 'PLATFORM_UNSUPPORTED')
  assert.is(failed('failed to push: denied: permission_denied')?.code, 'REGISTRY_DENIED')
  assert.is(failed('COPY failed: no such file'), undefined)
})

test("GitHub's cache outside of its jobs is refused, since BuildKit would leave it out in silence", () => {
  assert.throws(
    () => requireCache({}, 'gha'),
    (error: AquaError) => error.code === 'CACHE_UNSUPPORTED' && error.exitCode === 3,
  )
  requireCache({ ACTIONS_RUNTIME_TOKEN: 't' }, 'gha')
  for (const kind of ['local', 'registry', undefined] as const) requireCache({}, kind)
})

test('an address of a repository loses its credentials; a path is none', () => {
  assert.is(webAddress('git@github.com:acme/backend.git'), 'https://github.com/acme/backend')
  assert.is(webAddress('https://x-access-token:abc123@github.com/acme/backend'), 'https://github.com/acme/backend')
  assert.is(webAddress('ssh://git@git.example.org:2222/acme/backend.git'), 'https://git.example.org/acme/backend')
  assert.is(webAddress('/srv/git/backend.git'), undefined)
  assert.is(webAddress('../backend'), undefined)
})

test('outside a repository there is no revision, and that is no error', async () => {
  const { folder } = temporary()
  assert.is(
    await revisionOf({ probe: async () => ({ code: 128, stdout: '', stderr: 'not a git repository' }) }, folder),
    undefined,
  )
})

test('only a name with a host in front means a registry', () => {
  assert.is(registryOf('ghcr.io/acme/backend-user:dev'), 'ghcr.io')
  assert.is(registryOf('localhost/backend-user'), 'localhost')
  assert.is(registryOf('127.0.0.1:5000/a/b:c'), '127.0.0.1:5000')
  assert.is(registryOf('aquastream/backend-user:dev'), undefined)
  assert.is(registryOf('backend-user:dev'), undefined)
})

test.run()
