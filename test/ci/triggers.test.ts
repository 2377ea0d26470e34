import { execFileSync } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { services } from '../../docker/services.ts'
import { root } from '../docker/fixture.ts'
import { concurrency, type Happening, matches, pattern, runningJobs, starts } from './triggers.ts'
import { alone, inside, type Workflow, workflows } from './workflows.ts'

const here = workflows(alone())
const there = workflows(await inside())
const started = (all: Map<string, Workflow>, happening: Happening) =>
  [...all].filter(([, workflow]) => starts(workflow, happening)).map(([name]) => name)
const pull = (...files: string[]): Happening => ({ event: 'pull_request', base: 'main', files })
const merged = (...files: string[]): Happening => ({ event: 'push', branch: 'main', files })

/** Whatever a pull request changes, these look at it. */
const always = ['codeql', 'commitlint', 'labeler']
const sorted = (...names: string[]) => names.sort()

test("the patterns of GitHub's own documentation", () => {
  const table: [string, string[], string[]][] = [
    ['*', ['README.md', 'server.rb'], ['docs/file.txt']],
    ['**', ['all/the/files.md'], []],
    ['*.js', ['app.js'], ['js/index.js']],
    ['**.js', ['index.js', 'js/index.js', 'src/js/app.js'], ['index.jsx']],
    ['docs/*', ['docs/README.md'], ['docs/mona/hello.txt']],
    ['docs/**', ['docs/README.md', 'docs/mona/octocat.txt'], ['a/docs/x']],
    ['docs/**/*.md', ['docs/README.md', 'docs/a/markdown/file.md'], ['docs/x.txt']],
    ['**/docs/**', ['docs/hello.md', 'dir/docs/my-file.txt', 'space/docs/plan/space.doc'], ['mydocs/x']],
    ['**/*src/**', ['a/src/app.js', 'my-src/code/js/app.js'], ['src.js']],
    ['**/migrate-*.sql', ['migrate-10909.sql', 'db/sept/migrate-v1.sql'], ['migrate.sql']],
    ['*.jsx?', ['page.js', 'page.jsx'], ['page.json']],
    ['v[12].[0-9]+.[0-9]+', ['v1.10.1', 'v2.0.0'], ['v3.0.0', 'v1.10', 'v1x10.1']],
  ]
  for (const [glob, yes, no] of table) {
    for (const name of yes) assert.ok(pattern(glob).test(name), `${glob} ${name}`)
    for (const name of no) assert.not.ok(pattern(glob).test(name), `${glob} ${name}`)
  }
  assert.ok(matches(['*.md', '!README.md', 'README*'], 'README.doc'))
  assert.ok(matches(['*.md', '!README.md', 'README*'], 'README.md'))
  assert.not.ok(matches(['*.md', '!README.md'], 'README.md'))
})

for (const [layout, all, at] of [
  ['in the backend’s repository', there, (file: string) => file],
  ['alone', here, (file: string) => `example/${file}`],
] as const)
  test(`${layout}: a change of any service builds jars and images`, () => {
    for (const { name } of services)
      for (const file of [`${name}/build.gradle`, `${name}/${name}-api/src/main/java/Main.java`]) {
        assert.equal(started(all, pull(at(file))), sorted(...always, 'backend-ci', 'ci-images'), file)
        assert.equal(started(all, merged(at(file))), sorted('backend-ci', 'ci-images', 'codeql'), file)
      }
  })

const infra = (file: string, inBackend: boolean) => (inBackend ? `backend-infra/${file}` : file)

for (const inBackend of [true, false])
  test(`${inBackend ? 'in the backend’s repository' : 'alone'}: what starts for which change`, () => {
    const all = inBackend ? there : here
    const table: [string, string[]][] = [
      [infra('docker/images/service/Dockerfile', inBackend), ['ci-images']],
      [infra('docker/services.ts', inBackend), ['ci-images']],
      [infra('tasks/build-images.ts', inBackend), ['ci-images']],
      [infra('package-lock.json', inBackend), ['ci-images']],
      [infra('backup/dump.ts', inBackend), []],
      [infra('test/ci/tags.test.ts', inBackend), []],
      [infra('README.md', inBackend), []],
      ['docs/decisions.md', ['docs-ci']],
      ['docs/a/b/page.md', ['docs-ci']],
      ['mkdocs.yml', ['docs-ci']],
      ['frontend/src/app/page.tsx', ['frontend-ci']],
      ['.github/labels.yml', []],
      ['.github/workflows/build-and-attest.yml', ['ci-images']],
      ['.github/workflows/backend-ci.yml', ['backend-ci']],
      ['.github/actions/jars/action.yml', ['backend-ci', 'ci-images']],
      ['LICENSE', []],
    ]
    if (inBackend)
      table.push(
        ['build.gradle.kts', ['backend-ci', 'ci-images']],
        ['gradle/wrapper/gradle-wrapper.properties', ['backend-ci', 'ci-images']],
        ['gradlew', ['backend-ci', 'ci-images']],
        // This project is no service, although its folder is called backend-….
        ['backend-infra/env/schema.ts', []],
        ['backend-infra/docs/decisions.md', []],
      )
    for (const [file, extra] of table)
      assert.equal(started(all, pull(file)), sorted(...always, ...extra), `pull request: ${file}`)
    assert.equal(started(all, merged('docs/decisions.md')), sorted('codeql', 'docs-deploy'))
    assert.equal(started(all, merged('.github/labels.yml')), sorted('codeql', 'label-sync'))
    assert.equal(started(all, merged('frontend/package.json')), sorted('codeql', 'frontend-ci'))
    assert.equal(started(all, merged('LICENSE')), ['codeql'])
    assert.equal(started(all, { event: 'push', branch: 'feature', files: ['docs/x.md'] }), [])
    assert.equal(started(all, { event: 'pull_request', base: 'other', files: ['docs/x.md'] }), ['labeler'])
    assert.equal(started(all, { event: 'schedule' }), ['codeql'])
    assert.equal(
      started(all, { event: 'workflow_dispatch' }),
      sorted('backend-ci', 'ci-images', 'docs-deploy', 'label-sync', 'release'),
    )
    // A new title is checked, and nothing is built again for it.
    assert.equal(started(all, { event: 'pull_request', base: 'main', files: ['docs/x.md'], type: 'edited' }), [
      'commitlint',
    ])
    for (const tag of ['v1.2.3', 'v10.20.30', 'v1.2.3-rc.1'])
      assert.equal(started(all, { event: 'push', tag }), ['ci-images'], tag)
    for (const tag of ['v1', 'v1.2', '1.2.3', 'vendor', 'v1.2.3x'])
      assert.equal(started(all, { event: 'push', tag }), [], tag)
  })

test('a pull request builds and pushes nothing; main publishes; a tag publishes, then releases', () => {
  const images = (happening: Happening) => runningJobs(here, 'ci-images', happening)
  assert.equal(images(pull('docker/x')), ['jars', 'images'])
  const publish = ['publish', 'publish/jars', 'publish/images']
  assert.equal(images(merged('docker/x')), publish)
  assert.equal(images({ event: 'workflow_dispatch' }), publish)
  assert.equal(images({ event: 'workflow_dispatch', tag: 'v1.2.3' }), publish)
  assert.equal(images({ event: 'push', tag: 'v1.2.3' }), [...publish, 'release', 'release/release'])
  assert.equal(runningJobs(here, 'docs-deploy', { event: 'workflow_dispatch', branch: 'try' }), ['build'])
  assert.equal(runningJobs(here, 'docs-deploy', merged('docs/x')), ['build', 'deploy'])
  // Nothing that a pull request runs may write, but the labeler, which runs nothing of it.
  for (const [name, workflow] of here)
    if (starts(workflow, pull('docker/x', 'docs/x', 'frontend/x', 'example/pom.xml')) && name !== 'labeler')
      for (const id of runningJobs(here, name, pull('docker/x')))
        for (const [scope, level] of Object.entries(here.get(name)?.jobs[id]?.permissions ?? {}))
          assert.ok(level === 'read' || scope === 'security-events', `${name}/${id} has ${scope}: ${level}`)
})

test('a newer run ends an older one on pull requests only, and no two things share a group', () => {
  for (const [name, workflow] of here) {
    const of = (happening: Happening) => concurrency(workflow, happening, { tag: 'v1.2.3' })
    const onPull = Object.keys(workflow.on).some((event) => event.startsWith('pull_request'))
    if (onPull) assert.ok(of(pull()).cancels, name)
    for (const happening of [merged(), { event: 'push', tag: 'v1.2.3' }, { event: 'workflow_dispatch' }] as const)
      if (!Object.hasOwn(workflow.on, 'pull_request_target')) assert.not.ok(of(happening).cancels, name)
    // A called workflow in its caller's group would wait for itself.
    for (const [other, another] of here)
      if (other !== name) assert.is.not(of(pull()).group, concurrency(another, pull(), { tag: 'v1.2.3' }).group)
  }
  assert.is.not(
    concurrency(here.get('ci-images') as Workflow, merged()).group,
    concurrency(here.get('ci-images') as Workflow, pull()).group,
  )
})

/** Paths of the other layout, and of what only the backend's repository has. */
const elsewhere = /^(!?backend-|gradle|\*\.gradle|pom\.xml|mvnw|\.mvn|frontend)/

test('every path of every filter is there', () => {
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' }).split(
    '\n',
  )
  for (const [name, { on }] of here)
    for (const filter of Object.values(on))
      for (const path of filter?.paths ?? []) {
        const found = files.some((file) => pattern(path.replace(/^!/, '')).test(file))
        if (elsewhere.test(path)) assert.not.ok(found, `${name}: ${path} is here after all`)
        else assert.ok(found, `${name}: ${path} matches nothing`)
        const twin = path.replace(/^!?backend-infra\//, '')
        if (twin !== path && !path.startsWith('!'))
          assert.ok(
            files.some((file) => pattern(twin).test(file)),
            `${name}: ${path} matches nothing`,
          )
      }
})

test('what concerns this project is listed for both places', () => {
  const paths = here.get('ci-images')?.on.push?.paths ?? []
  const own = paths
    .filter((path) => path.startsWith('backend-infra/'))
    .map((path) => path.slice('backend-infra/'.length))
  assert.ok(own.length > 0)
  for (const path of own) assert.ok(paths.includes(path), path)
})

test.run()
