import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { notRun } from '../../ci/scenarios.ts'
import { findJar } from '../../docker/jars.ts'
import { serviceNames, services } from '../../docker/services.ts'
import { type Clone, clone, git, standIn } from '../ci/clone.ts'
import { type Outcome, Runner } from '../ci/runner.ts'
import type { Happening } from '../ci/triggers.ts'
import { actions, alone, inside, workflows } from '../ci/workflows.ts'

const leave = (script: string): string | undefined => notRun.find(([start]) => script.startsWith(start))?.[1]

const gh = `
  'label list'*) echo '[{"name":"bug","color":"d73a4a","description":"Something does not work"}]' ;;
  'run list'*) echo 4242 ;;
  'run download'*) mkdir -p "\${@: -1}/sbom-user"; echo {} > "\${@: -1}/sbom-user/user.spdx.json" ;;
  'release view'*) exit 1 ;;
`

interface Setting {
  clone: Clone
  runner(happening: Happening, github?: Record<string, unknown>): Runner
  ghLog: string
}

async function setting(nested: boolean): Promise<Setting> {
  const made = await clone(nested)
  const venv = path.join(made.scratch, 'venv')
  execFileSync('python3', ['-m', 'venv', venv])
  const ghLog = standIn(made, 'gh', gh)
  fs.writeFileSync(path.join(made.bin, 'pnpm'), '#!/bin/sh\nexec npx --yes pnpm@10.34.9 "$@"\n', { mode: 0o755 })
  const files = nested ? await inside() : alone()
  const prepared = new Set<string>()
  return {
    clone: made,
    ghLog,
    runner: (happening, github = {}) =>
      new Runner({
        repository: made.repository,
        files,
        happening,
        github: { sha: made.head, ...github },
        path: [made.bin, path.join(venv, 'bin')],
        // The jars are built once, in the layout that they have at the backend's: nobody has minutes to give away.
        leave: (script) =>
          leave(script) ??
          (!nested && script.startsWith('npx aqua build-jars') ? 'the other layout runs it' : undefined),
        prepared,
        artifacts: path.join(made.scratch, 'artifacts'),
      }),
  }
}

const allRan = (outcomes: readonly Outcome[]) => {
  for (const { where, script, code, said, left: why } of outcomes)
    if (why === undefined) assert.is(code, 0, `${where}: ${script}\n${said}`)
}
const scripts = (outcomes: readonly Outcome[]) => outcomes.filter(({ left: why }) => !why).map(({ script }) => script)
const pull = (...files: string[]): Happening => ({ event: 'pull_request', base: 'main', files })
const executed = new Set<string>()

for (const nested of [false, true])
  test(`every script runs ${nested ? 'in the backend’s repository' : 'alone'}: pull request, main, tag`, async () => {
    const { clone: at, runner, ghLog } = await setting(nested)
    const event = (title: string) => ({
      event: { pull_request: { number: 7, title, base: { sha: at.base }, head: { sha: at.head } } },
    })
    const onPull = runner(pull('docker/x'), event('feat(ci): a title'))
    for (const name of [
      'backend-ci',
      'ci-images',
      'docs-ci',
      'codeql',
      'commitlint',
      ...(nested ? ['frontend-ci'] : []),
    ])
      onPull.run(name)
    allRan(onPull.outcomes)
    // The output of one job reached the matrix of the next, and the image's name its steps.
    const built = onPull.outcomes.find(({ script }) => script.startsWith('npx aqua build-images'))
    assert.is(built?.where, 'ci-images/images')
    if (nested)
      for (const name of ['lint', 'typecheck', 'build'])
        assert.ok(fs.existsSync(path.join(at.repository, 'frontend', `${name}.ran`)))
    assert.ok(fs.existsSync(path.join(at.scratch, 'temp', 'site', 'decisions', 'index.html')))
    // The jars went through the artifact to where build-images is told to find them, by the catalogue's paths.
    if (nested)
      for (const service of services)
        assert.ok(findJar(path.join(at.repository, 'backend-infra', '.aqua', 'jars'), service), service.name)

    const onTag = runner({ event: 'push', tag: 'v1.2.3' })
    onTag.run('ci-images')
    onTag.run('label-sync')
    onTag.run('docs-deploy')
    onTag.run('release', { tag: 'v1.2.4-rc.1', run: '' })
    allRan(onTag.outcomes)
    const calls = fs.readFileSync(ghLog, 'utf8').split('\n')
    const releases = calls.filter((line) => line.startsWith('release create'))
    assert.is(releases.length, 2)
    assert.match(
      releases[0] ?? '',
      /^release create v1\.2\.3 --verify-tag --generate-notes --title v1\.2\.3 \/.*user\.spdx\.json$/,
    )
    assert.match(releases[1] ?? '', /^release create v1\.2\.4-rc\.1 .* --prerelease --latest=false /)
    // ci-images hands its own run on, a manual release looks for the newest.
    assert.ok(calls.some((line) => line.startsWith('run download 42 --pattern sbom-*')))
    assert.ok(calls.some((line) => line.startsWith('run download 4242 --pattern sbom-*')))
    assert.not.ok(calls.some((line) => line.startsWith('label create bug')))
    assert.is(calls.filter((line) => line.startsWith('label create service: ')).length, serviceNames.length)

    git(at.repository, 'commit', '-q', '--allow-empty', '-m', 'did things')
    const pullRequest = {
      number: 7,
      title: 'fix: it',
      base: { sha: at.base },
      head: { sha: git(at.repository, 'rev-parse', 'HEAD') },
    }
    const bad = runner(pull('docker/x'), { event: { pull_request: pullRequest } })
    bad.run('commitlint')
    // The commits are wrong and stop the job; the title alone is looked at in a run of its own.
    const verdict = bad.outcomes.at(-1)
    assert.is(verdict?.code, 1)
    assert.match(verdict?.said ?? '', /did things[\s\S]*type may not be empty/)
    const badTitle = runner(pull('docker/x'), event('Fixed it'))
    badTitle.run('commitlint')
    assert.is(badTitle.outcomes.at(-1)?.code, 1)
    assert.match(badTitle.outcomes.at(-1)?.said ?? '', /Fixed it[\s\S]*type may not be empty/)
    for (const script of scripts([...onPull.outcomes, ...onTag.outcomes])) executed.add(script)
  })

test('no script is neither run nor listed', () => {
  const jobs = [...workflows(alone()).values()].flatMap((workflow) => Object.values(workflow.jobs))
  const steps = [
    ...jobs.flatMap((job) => job.steps ?? []),
    ...[...actions(alone()).values()].flatMap(({ runs }) => runs.steps),
  ]
  const all = new Set(steps.flatMap(({ run }) => run ?? []))
  const unknown = [...all].filter((script) => !executed.has(script) && leave(script) === undefined)
  assert.equal(unknown, [])
  for (const [start] of notRun)
    assert.ok(
      [...all].some((script) => script.startsWith(start)),
      `${start} is nowhere`,
    )
})

test.run()
