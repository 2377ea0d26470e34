import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Scenario, scenarios } from '../../ci/scenarios.ts'
import { testPlan } from '../../ci/testplan.ts'
import { root } from '../docker/fixture.ts'
import { alone, workflows } from './workflows.ts'

const all = workflows(alone())

test('the page is made from the list', () => {
  assert.is(fs.readFileSync(path.join(root, 'docs', 'ci-test-plan.md'), 'utf8'), testPlan(), 'run aqua ci-test-plan')
})

test('the ten workflows of the backlog and build-and-attest are there, and every workflow has a scenario', () => {
  const names = [...all.keys()].sort()
  assert.equal(names, [
    'backend-ci',
    'build-and-attest',
    'ci-images',
    'codeql',
    'commitlint',
    'docs-ci',
    'docs-deploy',
    'frontend-ci',
    'label-sync',
    'labeler',
    'release',
  ])
  assert.equal([...new Set(scenarios.map(({ workflow }) => workflow))].filter((name) => name !== 'all').sort(), names)
})

test('every test that a scenario names exists', () => {
  for (const { workflow, checks } of scenarios)
    for (const check of checks) {
      if (check.by !== 'test') continue
      const text = fs.readFileSync(path.join(root, check.file), 'utf8')
      const [head = '', ...rest] = check.name.split('noticed everywhere: ')
      assert.ok(text.includes(rest[0] ?? head), `${workflow}: ${check.file} has no "${check.name}"`)
    }
})

test('nothing that needs the hosted service counts as passed without its run', () => {
  const one = scenarios[0] as Scenario
  assert.match(testPlan([one]), /1 have a part that needs the hosted service and is open/)
  assert.match(testPlan([one]), /open: needs the hosted service/)
  assert.not.match(testPlan([one]), /passed/)
  const hosted = { outcome: 'passed', date: '2026-01-02', link: 'https://example.test/run/1' } as const
  assert.match(testPlan([{ ...one, hosted }]), /\[passed\]\(https:\/\/example\.test\/run\/1\) \| 2026-01-02 \|/)
})

test.run()
