import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { languagesOf } from '../../ci/languages.ts'
import { serviceNames } from '../../docker/services.ts'
import { imagePrefix, imageTags, releaseOf } from '../../docker/tags.ts'
import { isAquaError } from '../../scripts/error.ts'
import { root } from '../docker/fixture.ts'
import { alone, workflows } from './workflows.ts'

const sha = 'abcdef0123456789abcdef0123456789abcdef01'
const tag = 'sha-abcdef0'

test('pull request, main, release, prerelease, manual run', () => {
  const table: [string, string, string[], boolean][] = [
    ['pull_request', 'refs/pull/7/merge', [tag], false],
    ['push', 'refs/heads/main', [tag], true],
    ['push', 'refs/tags/v1.2.3', ['v1.2.3', 'latest', tag], true],
    ['push', 'refs/tags/v0.0.0', ['v0.0.0', 'latest', tag], true],
    ['push', 'refs/tags/v1.2.3-rc.1', ['v1.2.3-rc.1', tag], true],
    ['workflow_dispatch', 'refs/heads/main', [tag], true],
    ['workflow_dispatch', 'refs/tags/v1.2.3', [tag], true],
    ['schedule', 'refs/heads/main', [tag], true],
    // A branch may be called anything.
    ['push', 'refs/heads/v1.2.3', [tag], true],
    ['pull_request', 'refs/tags/v1.2.3', [tag], false],
  ]
  for (const [event, ref, tags, push] of table)
    assert.equal(
      imageTags({ event, ref, sha }),
      { tags, tag, version: tags.length > 1 ? tags[0] : undefined, push },
      `${event} ${ref}`,
    )
})

test('a pushed tag that is no release: 2', () => {
  for (const name of [
    'v1',
    'v1.2',
    '1.2.3',
    'v1.2.3.4',
    'v01.2.3',
    'v1.2.3-',
    'v1.2.3+build',
    'v1.2.3-rc..1',
    'latest',
    'v1.2.3/x',
  ])
    assert.throws(
      () => imageTags({ event: 'push', ref: `refs/tags/${name}`, sha }),
      (error: unknown) => isAquaError(error) && error.exitCode === 2,
      name,
    )
  assert.equal(releaseOf('v1.2.3-rc.1'), { name: 'v1.2.3-rc.1', prerelease: true })
})

test('registries take lower case', () => {
  assert.is(imagePrefix('ghcr.io', 'Some-Org/AquaStream'), 'ghcr.io/some-org/aquastream/')
})

/** What a task appends to GITHUB_OUTPUT. */
function outputs(task: string, env: Record<string, string> = {}): Record<string, string> {
  const text = execFileSync(process.execPath, [path.join(root, 'scripts', 'aqua.cjs'), task], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

test('image-tags writes what GITHUB_OUTPUT takes', () => {
  const github = { GITHUB_SHA: sha, GITHUB_REPOSITORY: 'Org/Repo' }
  assert.equal(outputs('image-tags', { ...github, GITHUB_EVENT_NAME: 'push', GITHUB_REF: 'refs/tags/v2.0.0' }), {
    tags: `v2.0.0,latest,${tag}`,
    tag,
    version: 'v2.0.0',
    push: 'true',
    prefix: 'ghcr.io/org/repo/',
  })
  assert.equal(
    outputs('image-tags', { ...github, GITHUB_EVENT_NAME: 'pull_request', GITHUB_REF: 'refs/pull/1/merge' }),
    {
      tags: tag,
      tag,
      push: 'false',
      prefix: 'ghcr.io/org/repo/',
    },
  )
})

test('the matrices are the catalogue', () => {
  const { services, languages } = outputs('ci-matrix')
  assert.equal(JSON.parse(services ?? ''), serviceNames)
  assert.equal(JSON.parse(languages ?? ''), ['actions', 'java-kotlin', 'javascript-typescript'])
  const all = workflows(alone())
  const matrices = [...all].flatMap(([name, { jobs }]) =>
    Object.entries(jobs).flatMap(([id, { strategy }]) => (strategy ? [[`${name}/${id}`, strategy.matrix]] : [])),
  )
  assert.equal(Object.fromEntries(matrices), {
    'build-and-attest/images': { service: '${{ fromJSON(needs.jars.outputs.services) }}' },
    'ci-images/images': { service: '${{ fromJSON(needs.jars.outputs.services) }}' },
    'codeql/analyze': { language: '${{ fromJSON(needs.languages.outputs.languages) }}' },
  })
  // The output that each matrix is made of comes from ci-matrix.
  for (const [name, id, output] of [
    ['build-and-attest', 'jars', 'services'],
    ['ci-images', 'jars', 'services'],
    ['codeql', 'languages', 'languages'],
  ] as const) {
    const job = all.get(name)?.jobs[id]
    assert.is(job?.outputs?.[output], `\${{ steps.matrix.outputs.${output} }}`)
    assert.is(job?.steps?.find((step) => step.id === 'matrix')?.run, 'npx aqua ci-matrix >> "$GITHUB_OUTPUT"')
  }
})

test('a service that is in the catalogue only has no label yet: that is noticed', () => {
  const files = alone()
  const labels = (parse(files.get('.github/labels.yml') ?? '') as { name: string }[]).map(({ name }) => name)
  const rules = parse(files.get('.github/labeler.yml') ?? '') as Record<string, unknown>
  const of = (names: readonly string[]) => names.map((name) => name.replace('backend-', 'service: '))
  const unlabelled = (names: readonly string[]) =>
    of(names).filter((label) => !labels.includes(label) || !Object.hasOwn(rules, label))
  assert.equal(unlabelled(serviceNames), [])
  assert.equal(unlabelled([...serviceNames, 'backend-new']), ['service: new'])
  const ofServices = (name: string) => name.startsWith('service: ')
  assert.equal([labels.filter(ofServices), Object.keys(rules).filter(ofServices)], [of(serviceNames), of(serviceNames)])
  for (const name of Object.keys(rules)) assert.ok(labels.includes(name), `${name} is no label`)
})

test('languages are those of the files', () => {
  assert.equal(languagesOf(['a/B.java', '.github/workflows/x.yml', 'docs/tools/x.py', 'README.md']), [
    'actions',
    'java-kotlin',
    'python',
  ])
  assert.equal(languagesOf(['README.md']), [])
})

test.run()
