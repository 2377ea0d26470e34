import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import dotenv from 'dotenv'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { commonSpelling, parse, quote } from '../../env/file.ts'
import { isAquaError } from '../../scripts/error.ts'

const nasty = [
  '',
  'plain',
  'a b',
  ' led and trailed ',
  'pa$$word',
  '$HOME',
  '${HOME:-x}',
  '#first',
  'a#b # c',
  "it's",
  'say "hi"',
  `both ' and "`,
  '`id`',
  'back\\slash',
  'ends with \\',
  '\\n is not a line break',
  'two\nlines',
  'tab\tin',
  "quote ' and\nline",
  'carriage\rreturn',
  'пароль ✓ 🔑',
  'a=b;c&d|e<f>(g)*[h]?~!%^',
  '{"json": "$x"}',
  'K=1\nL=2',
]
/** Needs a quote that Compose would end at, or a dollar that it would expand. */
const dotenvOnly = ["it's $HOME", 'a"b\'c$d', "'$$'"]

test('every value comes back from dotenv as it was, between other lines', () => {
  for (const value of [...nasty, ...dotenvOnly]) {
    const text = `BEFORE='x'\nK=${quote(value)}\nAFTER="y"\n`
    assert.equal({ ...dotenv.parse(text) }, { BEFORE: 'x', K: value, AFTER: 'y' }, JSON.stringify(value))
    const found = parse(text)
    assert.equal(
      found.entries.map(({ name }) => name),
      ['BEFORE', 'K', 'AFTER'],
    )
    assert.is(found.entries[1]?.value, value)
    assert.equal(found.stray, [])
  }
})

test('values with a common spelling are not ambiguous, the others are', () => {
  for (const value of nasty) {
    assert.ok(commonSpelling(value), JSON.stringify(value))
    assert.is(parse(`K=${quote(value)}`).entries[0]?.ambiguous, false, JSON.stringify(value))
  }
  for (const value of dotenvOnly) {
    assert.is(commonSpelling(value), undefined, value)
    assert.is(parse(`K=${quote(value)}`).entries[0]?.ambiguous, true, value)
  }
})

test('plain values stay plain, the others go into single quotes', () => {
  assert.is(quote('http://localhost:3000,http://localhost:5173'), 'http://localhost:3000,http://localhost:5173')
  assert.is(quote('a$b#c'), "'a$b#c'")
})

test('a value that no spelling holds is refused', () => {
  try {
    quote('all \' three " of ` them #\n')
    assert.unreachable()
  } catch (error) {
    assert.ok(isAquaError(error))
    assert.is(error.code, 'ENV_UNQUOTABLE')
  }
})

test('lines are counted over quoted values that span several, comments and CRLF', () => {
  const { entries, stray } = parse('# c\r\nA=1\r\n\r\nB="x\r\ny"\r\nexport C: 3\r\nnonsense\r\n  D = 4 # d\r\nA=5')
  assert.equal(
    entries.map(({ name, line, value }) => [name, line, value]),
    [
      ['A', 2, '5'],
      ['B', 4, 'x\ny'],
      ['C', 6, '3'],
      ['D', 8, '4'],
      ['A', 9, '5'],
    ].map((row, i) => (i === 0 ? ['A', 2, '1'] : row)),
  )
  assert.equal(stray, [7])
})

test('spellings that Compose reads otherwise are noticed', () => {
  const differs = [
    'a#b',
    '#a',
    'a$b',
    'a$$b',
    '"a\\tb"',
    '"a\\\\b"',
    '"a\\"b"',
    '"$x"',
    "'a\\'b'",
    "'a\\'",
    '`a b`',
    "'a'b",
    '"a" b',
  ]
  for (const raw of differs) assert.is(parse(`K=${raw}\n`).entries[0]?.ambiguous, true, raw)
  const same = ['a #b', 'a$', 'a$1', '"a\\nb"', "'a\\b'", "a'b", '"a\'b"', "'a' # note", 'a\\b', '"#"', "'$a'"]
  for (const raw of same) assert.is(parse(`K=${raw}\n`).entries[0]?.ambiguous, false, raw)
})

const compose = spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' }).status === 0
// The guard's `skip` takes the reason.
const skip = test.skip as (name: string, reason: unknown) => void
const withCompose = compose ? test : (name: string) => skip(name, 'docker compose is not installed')

withCompose('docker compose reads the same file alike', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-compose-'))
  try {
    const names = nasty.map((_, i) => `K${i}`)
    fs.writeFileSync(path.join(folder, 'values.env'), nasty.map((value, i) => `K${i}=${quote(value)}\n`).join(''))
    const environment = Object.fromEntries(names.map((name) => [name, `\${${name}}`]))
    fs.writeFileSync(
      path.join(folder, 'compose.yaml'),
      JSON.stringify({ services: { a: { image: 'scratch', environment } } }),
    )
    const argv = ['compose', '--env-file', 'values.env', '-f', 'compose.yaml', 'config', '--format', 'json']
    const { PATH, HOME } = process.env
    const run = spawnSync('docker', argv, { cwd: folder, env: { PATH, HOME }, encoding: 'utf8' })
    assert.is(run.status, 0, run.stderr)
    const read = JSON.parse(run.stdout).services.a.environment
    // config doubles every dollar, so that its output can be used as a Compose file again.
    for (const [i, value] of nasty.entries()) assert.is(read[`K${i}`].replaceAll('$$', '$'), value)
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
})

test.run()
