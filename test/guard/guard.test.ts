import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { root } from '../scripts/checkout.ts'

const fixtures = path.join('test', 'fixtures', 'guard')

function guard(...wanted: string[]) {
  const { AQUA_TEST_REPORT: _, ...env } = process.env
  const { status, stdout } = spawnSync(process.execPath, ['test/guard.mjs', ...wanted], {
    cwd: root,
    env: { ...env, AQUA_TEST_LIMIT_MS: '3000' },
    encoding: 'utf8',
  })
  const [, passed, failed] = /^(\d+) passed, (\d+) failed/.exec(stdout.trimEnd().split('\n').at(-1) ?? '') ?? []
  return { status, stdout, passed: Number(passed), failed: Number(failed) }
}

const traps: Record<string, { passed: number }> = {
  fails: { passed: 1 },
  'before-throws': { passed: 0 },
  'after-throws': { passed: 1 },
  'rejects-string': { passed: 0 },
  'rejects-nothing': { passed: 0 },
  'no-run': { passed: 0 },
  'no-run-of-one': { passed: 1 },
  only: { passed: 1 },
  skip: { passed: 1 },
  'skip-body': { passed: 1 },
  exits: { passed: 0 },
  'exits-at-once': { passed: 0 },
  hangs: { passed: 1 },
  'hangs-empty': { passed: 0 },
  'stray-rejection': { passed: 1 },
}

for (const [name, { passed }] of Object.entries(traps))
  test(`${name}: counted as a failure`, () => {
    const result = guard(path.join(fixtures, `${name}.test.ts`))
    assert.is(result.status, 1, result.stdout)
    assert.ok(result.failed > 0, result.stdout)
    assert.is(result.passed, passed, result.stdout)
    assert.match(result.stdout, new RegExp(`^failed:\\n  test/fixtures/guard/${name}\\.test\\.ts: .+`, 'm'))
  })

test('a good file passes, also beside others', () => {
  const alone = guard(path.join(fixtures, 'good.test.ts'))
  assert.equal([alone.status, alone.passed, alone.failed], [0, 3, 0], alone.stdout)
  const beside = guard(path.join(fixtures, 'good.test.ts'), path.join(fixtures, 'fails.test.ts'))
  assert.equal([beside.status, beside.passed, beside.failed], [1, 4, 1], beside.stdout)
})

test('every trap in the folder has its expectation above', () => {
  const files = fs.readdirSync(path.join(root, fixtures)).map((name) => path.basename(name, '.test.ts'))
  assert.equal(files.sort(), [...Object.keys(traps), 'good'].sort())
})

test('a folder without tests and a name that matches nothing are failures', () => {
  const empty = guard(path.join('test', 'fixtures', 'guard-empty'))
  assert.equal([empty.status, empty.passed, empty.failed], [1, 0, 1], empty.stdout)
  assert.is.not(guard('test/no-such-folder').status, 0)
})

test('a file that does not build is a failure', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-guard-'))
  try {
    const file = path.join(folder, 'broken.test.ts')
    fs.writeFileSync(file, "import { test } from 'uvu'\ntest('x', () => {\n")
    const broken = guard(file)
    assert.equal([broken.status, broken.passed, broken.failed], [1, 0, 1], broken.stdout)
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
})

test('fixtures are in no group, e2e is not in unit', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-guard-'))
  try {
    for (const name of ['guard.mjs', 'counting.ts']) {
      fs.mkdirSync(path.join(folder, 'test'), { recursive: true })
      fs.copyFileSync(path.join(root, 'test', name), path.join(folder, 'test', name))
    }
    fs.symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'))
    for (const [place, fixture] of [
      ['unit', 'good'],
      ['fixtures', 'fails'],
      ['e2e', 'fails'],
    ] as const) {
      fs.mkdirSync(path.join(folder, 'test', place))
      fs.copyFileSync(path.join(root, fixtures, `${fixture}.test.ts`), path.join(folder, 'test', place, 'x.test.ts'))
    }
    const inside = (group: string) =>
      spawnSync(process.execPath, ['test/guard.mjs', group], { cwd: folder, encoding: 'utf8' })
    const unit = inside('unit')
    assert.is(unit.stdout.trimEnd().split('\n').at(-1), '3 passed, 0 failed')
    assert.is(unit.status, 0)
    const e2e = inside('e2e')
    assert.is(e2e.stdout.trimEnd().split('\n').at(-1), '1 passed, 1 failed')
    assert.is(e2e.status, 1)
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
})

test.run()
