import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { type Test, test } from 'uvu'
import * as assert from 'uvu/assert'
import { temporary } from '../docker/fixture.ts'
import { actionlint, ran, type Tool, zizmor } from './tools.ts'
import { alone, type Files, inside } from './workflows.ts'

const scratch = temporary()
let made = 0

/** The files in a repository of their own; `change` breaks one of them. */
function repository(files: Files, change?: { file: string; from: string; to: string }): string {
  const name = String(made++)
  for (const [file, text] of files) {
    const broken = change?.file === file ? text.replace(change.from, change.to) : text
    if (change?.file === file) assert.is.not(broken, text, `${file} does not hold ${change.from}`)
    scratch.put(path.join(name, file), broken)
  }
  const folder = path.join(scratch.folder, name)
  // actionlint looks for the repository's root.
  spawnSync('git', ['init', '-q'], { cwd: folder })
  return folder
}

const lint = actionlint()
const audit = zizmor()
const withTool = ({ missing }: Tool): Test =>
  missing ? (((name: string) => test.skip(name, missing as never)) as unknown as Test) : test
const images = '.github/workflows/ci-images.yml'
const labeler = '.github/workflows/labeler.yml'
// Without the network: known vulnerabilities of actions and moved tags are for the online audits.
const zizmorArguments = ['--offline', '--no-progress', '--collect=default', '.']

withTool(lint)('actionlint finds nothing, in either layout', async () => {
  for (const files of [alone(), await inside()])
    assert.equal(ran(lint.program, [], repository(files)), { code: 0, said: '' })
})

withTool(lint)('actionlint finds what is put in', () => {
  for (const [from, to, expected] of [
    ['needs: publish', 'needs: publsh', /publsh/],
    ['needs.jars.outputs.tag }}', 'needs.jars.outputs.tags }}', /property "tags" is not defined/],
    ['runs-on: ubuntu-24.04', 'runs-on: ubuntu-42.04', /ubuntu-42\.04/],
    ['tag: ${{ github.ref_name }}', 'tags: ${{ github.ref_name }}', /input "tag" is required/],
    ['steps.matrix.outputs', 'steps.matrx.outputs', /matrx/],
  ] as const) {
    const { code, said } = ran(lint.program, [], repository(alone(), { file: images, from, to }))
    assert.is(code, 1, from)
    assert.match(said, expected)
  }
})

withTool(audit)('zizmor finds nothing, in either layout', async () => {
  for (const files of [alone(), await inside()]) {
    const { code, said } = ran(audit.program, zizmorArguments, repository(files))
    assert.is(code, 0, said)
    assert.match(said, /No findings to report/)
  }
})

withTool(audit)('zizmor finds what is put in', () => {
  for (const [file, from, to, expected] of [
    [
      images,
      'permissions:\n      contents: read\n    outputs',
      'permissions: write-all\n    outputs',
      /excessive-permissions/,
    ],
    [images, '@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1', '@v7', /unpinned-uses/],
    [images, 'run: npx aqua env init dev', 'run: echo ${{ github.head_ref }}', /template-injection/],
    [
      labeler,
      '      - uses: actions/labeler',
      '      - run: make\n      - uses: actions/labeler',
      /dangerous-triggers/,
    ],
  ] as const) {
    const { code, said } = ran(audit.program, zizmorArguments, repository(alone(), { file, from, to }))
    assert.ok((code ?? 0) > 0, `${to}: ${said}`)
    assert.match(said, expected)
  }
})

test.run()
