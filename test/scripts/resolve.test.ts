import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { complete, completionScript } from '../../scripts/completion.ts'
import { isAquaError } from '../../scripts/error.ts'
import { family, resolve, unknownTask } from '../../scripts/resolve.ts'
import type { Manifest, ManifestEntry } from '../../scripts/task.ts'

const entry = (name: string, more: Partial<ManifestEntry> = {}): ManifestEntry => ({
  name,
  summary: name,
  group: 'aqua',
  effect: 'read',
  positionals: {},
  options: {},
  aliases: {},
  examples: [],
  notes: [],
  ...more,
})
const stage = { type: 'string', choices: ['dev', 'stage', 'prod'], describe: 'x' } as const
const manifest: Manifest = [
  entry('up', {
    positionals: { stage },
    options: {
      only: { type: 'string', array: true, choices: ['user', 'event'], describe: 'x' },
      build: { type: 'boolean', default: true, describe: 'x' },
      timeout: { type: 'number', describe: 'x' },
    },
    aliases: { 'up-dev': ['dev'], 'up-dev-observability': ['dev', '--observability'] },
  }),
  entry('down'),
  entry('ps', { aliases: { status: [] } }),
  entry('env-init', { positionals: { stage: { ...stage, required: true } } }),
  entry('env-check', { positionals: { stage } }),
]
const found = (line: string) => {
  const match = resolve(manifest, line.split(' '))
  return match && [match.entry.name, ...match.argv]
}

test('one word, two words, a hyphen: the same task', () => {
  assert.equal(found('down'), ['down'])
  assert.equal(found('env init dev'), ['env-init', 'dev'])
  assert.equal(found('env-init dev'), ['env-init', 'dev'])
  assert.equal(found('env'), undefined)
  assert.equal(found('env foo'), undefined)
  assert.equal(found('constructor'), undefined)
})

test('an alias puts the words it stands for in front; the longest name wins', () => {
  assert.equal(found('up-dev --only user'), ['up', 'dev', '--only', 'user'])
  assert.equal(found('status'), ['ps'])
  assert.equal(found('up dev'), ['up', 'dev'])
  assert.equal(found('up-dev-observability'), ['up', 'dev', '--observability'])
  assert.equal(found('up dev observability'), ['up', 'dev', '--observability'])
})

test('options may stand before the name', () => {
  assert.equal(found('--json down'), ['down', '--json'])
  assert.equal(found('--workspace some/where up dev'), ['up', 'dev', '--workspace', 'some/where'])
  assert.equal(found('--json'), undefined)
})

test('an unknown name: exit 2, the near one or the family in the hint', () => {
  assert.match(unknownTask(manifest, ['dwon']).hint ?? '', '"aqua down"')
  assert.match(unknownTask(manifest, ['env-inti', 'dev']).hint ?? '', 'env-init')
  const group = unknownTask(manifest, ['env', 'foo'])
  assert.match(group.hint ?? '', /init.*check/)
  assert.equal([group.exitCode, group.code], [2, 'UNKNOWN_TASK'])
  assert.equal(
    family(manifest, 'env').map(({ name }) => name),
    ['env-init', 'env-check'],
  )
})

const at = (...words: string[]) => complete(manifest, words)

test('completion of names: tasks, aliases and families', () => {
  assert.equal(at('u'), ['up', 'up-dev', 'up-dev-observability'])
  assert.equal(at('st'), ['status'])
  assert.equal(at('env', ''), ['check', 'init'])
  assert.equal(at('env', 'i'), ['init'])
  assert.ok(at('').includes('down') && at('').includes('help'))
  assert.equal(at('nothing-begins-so'), [])
})

test('completion of arguments, options and their values', () => {
  assert.equal(at('env', 'init', ''), ['dev', 'prod', 'stage'])
  assert.equal(at('up', 'p'), ['prod'])
  assert.equal(at('up-dev', ''), [], 'the alias has taken the only argument')
  assert.equal(at('up', '--no'), ['--no-build'])
  assert.equal(at('up', '--ti'), ['--timeout'])
  assert.equal(at('up', '--only', ''), ['event', 'user'])
  assert.equal(at('up', '--only', 'u'), ['user'])
  assert.equal(at('up', '--timeout', ''), [])
  assert.ok(at('down', '--').includes('--dry-run'))
})

test('a script for each shell, exit 2 for another', () => {
  for (const shell of ['bash', 'zsh', 'fish']) assert.match(completionScript(shell), '__complete')
  for (const shell of ['tcsh', undefined, 'constructor'])
    assert.throws(
      () => completionScript(shell),
      (error: unknown) => isAquaError(error) && error.exitCode === 2,
    )
})

test.run()
