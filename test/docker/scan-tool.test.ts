import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkContents, formats } from '../../docker/scan/document.ts'
import { findTool, pinned, toolCommand } from '../../docker/scan/tool.ts'
import type { CommandResult } from '../../scripts/step.ts'

const gone: CommandResult = { code: 127, stdout: '', stderr: '' }
const says = (value: object): CommandResult => ({ code: 0, stdout: JSON.stringify(value), stderr: '' })

/** A machine with these programs on PATH. */
function machine(programs: Readonly<Record<string, CommandResult>>) {
  return { stateDir: '/p/.aqua', probe: async (argv: readonly string[]) => programs[argv[0] ?? ''] ?? gone }
}
const scanners = ['grype', 'trivy'] as const

test('grype from PATH, else trivy from PATH, else grype by digest', async () => {
  const grype = says({ application: 'grype', version: '0.120.1' })
  const trivy = says({ Version: '0.75.0' })
  const find = (programs: Record<string, CommandResult>) => findTool(machine(programs), scanners, 'mirror.example/')
  assert.equal(await find({ grype, trivy }), { name: 'grype', version: '0.120.1', image: undefined })
  assert.equal(await find({ trivy }), { name: 'trivy', version: '0.75.0', image: undefined })
  const container = await find({ grype: { ...gone, code: 1 } })
  assert.is(container.image, `mirror.example/${pinned.grype.image}`)
  assert.match(container.image ?? '', /:v0\.120\.1@sha256:[0-9a-f]{64}$/)
})

test('a malicious trivy is refused, exit 3, before it is asked anything else', async () => {
  for (const Version of ['0.69.4', 'v0.69.5', '0.69.6']) {
    const error = await findTool(machine({ trivy: says({ Version }) }), scanners, '').then(
      () => undefined,
      (thrown) => thrown,
    )
    assert.equal([error?.code, error?.exitCode], ['SCANNER_MALICIOUS', 3], Version)
  }
  assert.is((await findTool(machine({ trivy: says({ Version: '0.69.3' }) }), scanners, '')).version, '0.69.3')
})

const call = { docker: 'docker', work: '/w', cache: '/c', network: false, env: { A: 'b' } }
const scan = (at: (file: string) => string) => [`docker-archive:${at('image.tar')}`]

test('from PATH: the work folder is where it stands, writes and looks for settings', () => {
  const { argv, options } = toolCommand({ name: 'grype', version: '1', image: undefined }, call, scan)
  assert.equal(argv, ['grype', 'docker-archive:/w/image.tar'])
  assert.equal(options, { env: { A: 'b', TMPDIR: '/w' }, cwd: '/w' })
})

test('in a container: no network, no socket, no capability, nothing of the host but two folders', () => {
  const tool = { name: 'grype', version: '1', image: 'grype@sha256:0' }
  const { argv } = toolCommand(tool, call, scan)
  const after = (word: string) => argv.flatMap((value, i) => (argv[i - 1] === word ? [value] : []))
  assert.equal(after('--network'), ['none'])
  assert.equal(after('--volume'), ['/w:/scan', '/c:/cache'])
  assert.equal([after('--cap-drop'), after('--security-opt')], [['ALL'], ['no-new-privileges']])
  assert.ok(argv.includes('--read-only'))
  assert.equal(argv.slice(-2), ['grype@sha256:0', 'docker-archive:/scan/image.tar'])
  assert.not.ok(argv.some((word) => word.includes('docker.sock')))
})

test('only the update of the database has a network, and a proxy by name, without its value', () => {
  const tool = { name: 'grype', version: '1', image: 'grype@sha256:0' }
  const { argv } = toolCommand(tool, { ...call, network: true }, () => ['db', 'update'])
  assert.is(argv[argv.indexOf('--network') + 1], 'bridge')
  assert.ok(argv.includes('HTTPS_PROXY'))
})

const spdx = (packages: object[]) => ({
  spdxVersion: 'SPDX-2.3',
  dataLicense: 'CC0-1.0',
  SPDXID: 'SPDXRef-DOCUMENT',
  name: 'x',
  documentNamespace: 'https://example.org/x',
  creationInfo: { created: '2026-11-23T00:00:00Z', creators: ['Tool: syft'] },
  packages,
})
const part = (name: string) => ({ name, SPDXID: `SPDXRef-${name}`, downloadLocation: 'NOASSERTION' })

test('a bill of materials is refused when a required field, every package, Spring Boot or the JRE is missing', () => {
  const read = (document: object) => formats.spdx.read(JSON.stringify(document))
  const service = ['spring-boot', 'openjdk-21-jre-headless'].map(part)
  checkContents(read(spdx(service)), true)
  checkContents(read(spdx(['spring-boot', 'jre'].map(part))), true)
  for (const names of [['spring-boot', 'jctools-core-jdk11'], ['openjdk-21-jre-headless', 'spring-core'], []])
    assert.throws(() => checkContents(read(spdx(names.map(part))), true), undefined, names.join())
  checkContents(read(spdx([part('log4j-core')])), false)
  assert.throws(() => checkContents(read(spdx([])), false))
  // The image itself is no package of it.
  const itself = { ...part('x'), primaryPackagePurpose: 'CONTAINER' }
  assert.throws(() => checkContents(read(spdx([itself])), false))
  for (const field of Object.keys(spdx([])))
    assert.throws(() => read({ ...spdx(service), [field]: undefined }), undefined, field)
  assert.throws(() => read(spdx([{ name: 'x' }])))
  assert.throws(() => formats.spdx.read('{"spdxVersion": "SPDX-2.3"'))

  const cyclonedx = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    metadata: { component: { name: 'x' } },
    components: [
      { type: 'library', name: 'spring-boot' },
      { type: 'file', name: '/x' },
    ],
  }
  assert.equal(formats.cyclonedx.read(JSON.stringify(cyclonedx)).packages, ['spring-boot'])
  for (const field of Object.keys(cyclonedx))
    assert.throws(() => formats.cyclonedx.read(JSON.stringify({ ...cyclonedx, [field]: undefined })), undefined, field)
})

test.run()
