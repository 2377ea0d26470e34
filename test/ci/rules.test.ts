import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findings, pins } from './rules.ts'
import { alone, type Files, inside } from './workflows.ts'

test('the workflows keep the rules, as committed and as installed in backend-infra/', async () => {
  assert.equal(findings(alone()), [])
  assert.equal(findings(await inside()), [])
})

test('every pin of the list is in use', () => {
  const text = [...alone().values()].join('\n')
  for (const action of Object.keys(pins)) assert.ok(text.includes(`${action}@${pins[action]}`), action)
})

/** Every way in which `from` can be changed, one place at a time; each has to be noticed. */
function mutants(files: Files, from: RegExp, to: string): [string, Files][] {
  return [...files].flatMap(([file, text]) =>
    [...text.matchAll(from)].map((match): [string, Files] => {
      const changed =
        text.slice(0, match.index) + match[0].replace(from, to) + text.slice(match.index + match[0].length)
      assert.is.not(changed, text, `${file}: the change changes nothing`)
      return [`${file}:${text.slice(0, match.index).split('\n').length}`, new Map(files).set(file, changed)]
    }),
  )
}

const mutations: [string, RegExp, string, number][] = [
  ['a permission is widened from read to write', /^( {6}[\w-]+: )read\b/gm, '$1write', 15],
  ['a permission is narrowed', /^( {6}[\w-]+: )write\b/gm, '$1read', 10],
  ['a permission is added', /^( {4}permissions:\n)/gm, '$1      deployments: write\n', 17],
  ['the permissions of a job go', /^ {4}permissions:\n(?: {6}.*\n)+/gm, '', 17],
  ['the top gives permissions', /^permissions: \{\}$/gm, 'permissions: read-all', 11],
  ['a pin becomes a tag', /@[0-9a-f]{40} # (v[\d.]+)$/gm, '@$1', 30],
  ['a pin changes', /@[0-9a-f]{8}/g, '@00000000', 30],
  ['the comment tells another version', /# v(\d+)\.\d+\.\d+$/gm, '# v$1.99.0', 30],
  ['credentials persist', /persist-credentials: false/g, 'persist-credentials: true', 13],
  ['persist-credentials goes', /^ +persist-credentials: false\n/gm, '', 13],
  ['a timeout goes', /^ {4}timeout-minutes: \d+\n/gm, '', 15],
  ['a timeout is hours', /timeout-minutes: \d+/g, 'timeout-minutes: 360', 15],
  ['concurrency goes', /^concurrency:\n(?: {2}.*\n)+/gm, '', 11],
  ['the runner floats', /ubuntu-24\.04/g, 'ubuntu-latest', 15],
  ['a title reaches a script', /"\$TITLE"/g, '"${{ github.event.pull_request.title }}"', 1],
  [
    'the labeler checks out',
    /^ {6}- uses: actions\/labeler@/gm,
    '      - run: npm test\n      - uses: actions/labeler@',
    1,
  ],
]

for (const [name, from, to, atLeast] of mutations)
  test(`noticed everywhere: ${name}`, () => {
    const all = mutants(alone(), from, to)
    assert.ok(all.length >= atLeast, `only ${all.length} places, of at least ${atLeast}`)
    for (const [where, files] of all) assert.ok(findings(files).length > 0, `${where} went unnoticed`)
  })

test.run()
