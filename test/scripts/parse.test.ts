import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isAquaError } from '../../scripts/error.ts'
import { parseArgs } from '../../scripts/parse.ts'
import { kebab, type TaskSpec, task } from '../../scripts/task.ts'

const spec = task({
  summary: 'x',
  group: 'aqua',
  effect: 'read',
  positionals: {
    stage: { type: 'string', choices: ['dev', 'stage', 'prod'], default: 'dev', describe: 'x' },
    rest: { type: 'string', array: true, describe: 'x' },
  },
  options: {
    only: { type: 'string', array: true, choices: ['user', 'event', 'crew'], describe: 'x' },
    build: { type: 'boolean', default: true, describe: 'x' },
    force: { type: 'boolean', describe: 'x' },
    timeout: { type: 'number', default: 300, describe: 'x' },
    dropOld: { type: 'string', alias: 'd', describe: 'x' },
  },
  examples: [],
  plan: () => [],
}) as unknown as TaskSpec

const strict = task({
  summary: 'x',
  group: 'aqua',
  effect: 'read',
  positionals: { stage: { type: 'string', required: true, choices: ['dev', 'prod'], describe: 'x' } },
  options: { schema: { type: 'string', required: true, describe: 'x' } },
  examples: [],
  plan: () => [],
}) as unknown as TaskSpec

const parse = (...argv: string[]) => parseArgs('up', spec, argv)

/** Every mistake is an AquaError with exit 2 that says what to do. */
function refused(...argv: string[]) {
  const say = process.stderr.write
  let leaked = ''
  process.stderr.write = ((text: string) => {
    leaked += text
    return true
  }) as typeof process.stderr.write
  try {
    parse(...argv)
  } catch (error) {
    if (!isAquaError(error)) throw error
    assert.is(error.exitCode, 2)
    assert.is(error.code, 'USAGE')
    assert.ok(error.hint)
    assert.is(leaked, '', 'yargs prints nothing of its own')
    return error
  } finally {
    process.stderr.write = say
  }
  throw new Error(`accepted: ${argv.join(' ')}`)
}

test('defaults: arrays empty, booleans false, the rest as declared or undefined', () => {
  const args = parse()
  assert.equal(
    [args.stage, args.rest, args.only, args.build, args.force, args.timeout, args.dropOld],
    ['dev', [], [], true, false, 300, undefined],
  )
  assert.equal(
    [args.json, args.yes, args.verbose, args.quiet, args.dryRun, args.workspace],
    [false, false, false, false, false, undefined],
  )
})

test('types: numbers are numbers, words that look like numbers stay words', () => {
  assert.is(parse('--timeout', '5').timeout, 5)
  assert.is(parse('--timeout=0.5').timeout, 0.5)
  assert.is(parse('--drop-old', '0042').dropOld, '0042')
  assert.equal(parse('dev', '007', '1e3').rest, ['007', '1e3'])
})

test('arrays: by comma, by repetition, with =, without swallowing what follows', () => {
  assert.equal(parse('--only', 'user,event').only, ['user', 'event'])
  assert.equal(parse('--only', 'user', '--only=event', '--only', 'crew').only, ['user', 'event', 'crew'])
  const args = parse('--only', 'user', 'prod', 'x', 'y')
  assert.equal([args.only, args.stage, args.rest], [['user'], 'prod', ['x', 'y']])
})

test('booleans: negation, =false, short letters together', () => {
  assert.is(parse('--no-build').build, false)
  assert.is(parse('--build').build, true)
  assert.is(parse('--no-force').force, false)
  assert.is(parse('--json=false').json, false)
  const short = parse('-yv', '-q')
  assert.equal([short.yes, short.verbose, short.quiet], [true, true, true])
  const beside = parse('--force', 'prod')
  assert.equal([beside.force, beside.stage], [true, 'prod'])
})

test('names are kebab-case on the command line; a letter stands for its option; the last one wins', () => {
  assert.is(kebab('dropOld'), 'drop-old')
  assert.is(parse('-d', 'x').dropOld, 'x')
  assert.is(parse('--drop-old', 'x').dropOld, 'x')
  refused('--dropOld', 'x')
  assert.is(parse('--timeout', '5', '--timeout', '7').timeout, 7)
})

test('what follows -- are words, also with dashes', () => {
  const args = parse('prod', '--', '--only', '-x', '--nothing')
  assert.equal([args.stage, args.rest, args.only], ['prod', ['--only', '-x', '--nothing'], []])
})

test('an unknown option is refused, with the near one named', () => {
  assert.match(refused('--onyl', 'user').hint ?? '', '--only')
  assert.match(refused('--no-bulid').hint ?? '', '--build')
  assert.match(refused('--jsno').hint ?? '', '--json')
  refused('-x')
  refused('--qwertyuiop')
})

test('a value that is not among the choices is refused, with the near one named', () => {
  assert.match(refused('--only', 'evnet').hint ?? '', 'event')
  assert.match(refused('--only', 'user,evnet').hint ?? '', 'event')
  assert.match(refused('prd').hint ?? '', 'prod')
})

test('an option that needs a value does not go without', () => {
  for (const option of ['--only', '--timeout', '--drop-old', '--workspace']) {
    refused(option)
    refused(option, '--json')
    refused(`${option}=`)
  }
  refused('--only', ',')
  refused('--timeout', 'soon')
  refused('--build=maybe')
})

test('a value option cannot be negated', () => {
  refused('--no-only')
  refused('--no-timeout')
  refused('--no-workspace')
})

test('required options and arguments; nothing beyond the declared', () => {
  const tight = (...argv: string[]) => parseArgs('restore', strict, argv)
  const usage = (error: unknown) => isAquaError(error) && error.exitCode === 2
  assert.is(tight('dev', '--schema', 'user').schema, 'user')
  assert.throws(() => tight('dev'), usage)
  assert.throws(() => tight('--schema', 'user'), usage)
  assert.throws(() => tight('dev', 'more', '--schema', 'user'), usage)
  assert.throws(() => tight('dev', '--schema', 'user', '--', 'more'), usage)
})

test.run()
