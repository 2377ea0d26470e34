import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { archiveName } from '../../docker/scan/archive.ts'
import { exceptionsFile } from '../../docker/scan/exceptions.ts'
import { grype } from '../../docker/scan/grype.ts'
import { type ReportFiles, reportFiles } from '../../docker/scan/report.ts'
import { sbomFile } from '../../docker/scan/sbom.ts'
import { toolCommand } from '../../docker/scan/tool.ts'
import { withIo } from './cluster.ts'
import { fetchJar, fetchSchemas, importDatabase, noScanner, toolsFolder } from './scanners.ts'
import * as stack from './stack.ts'
import { aqua, docker, json, refusal, root, startAqua } from './stack.ts'

// Real Grype and Syft on real images, with a vulnerability database of two public advisories. No registry and no
// database server are asked: their address is one where nobody listens.

const prefix = 'aqua-e2e-scan/'
const [bad, good, service] = [`${prefix}bad:1`, `${prefix}good:1`, `${prefix}backend-crew:dev`]
const scannerImage = `${prefix}grype:e2e`
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-scan-'))
const stateDir = path.join(root, '.aqua')
const nobody = 'http://127.0.0.1:9/'
const exceptions = stack.guarded(path.join(root, exceptionsFile))
const devFile = stack.guarded(path.join(root, 'env', '.env.dev'))

/** Set when the programs are there. */
let env: Record<string, string> = {}

const databases = (name: string) => ({
  ...env,
  GRYPE_DB_CACHE_DIR: path.join(folder, name),
  GRYPE_DB_UPDATE_URL: nobody,
  GRYPE_CHECK_FOR_APP_UPDATE: 'false',
  GRYPE_DB_AUTO_UPDATE: 'false',
})
const fresh = () => ({ env: { ...databases('fresh'), GITHUB_REF: '' } })

const runs: typeof test = noScanner
  ? (((name: string) => test.skip(name, noScanner as never)) as unknown as typeof test)
  : test

const there = (file: string) => fs.existsSync(path.join(root, file))
const read = (file: string) => fs.readFileSync(path.join(root, file), 'utf8')
const leftFolders = () =>
  fs.existsSync(stateDir) ? fs.readdirSync(stateDir).filter((name) => name.startsWith('scan-')) : []

function except(...list: object[]): void {
  fs.writeFileSync(path.join(root, exceptionsFile), JSON.stringify({ exceptions: list }))
}

async function buildImage(name: string, jar: string): Promise<void> {
  const context = fs.mkdtempSync(path.join(folder, 'context-'))
  await fetchJar(jar, context)
  fs.writeFileSync(path.join(context, 'Dockerfile'), 'FROM scratch\nCOPY *.jar /app/\n')
  await docker('build', '-q', '-t', name, context)
}

interface ScanResult {
  mode: string
  images: { image: string; critical: number; fixable: number; excepted: number; reports: ReportFiles }[]
  blocking: { image: string; id: string; aliases: string[]; package: string; version: string; fix: string }[]
}

async function scan(argv: readonly string[], expected: number, options = fresh()): Promise<ScanResult> {
  const { result } = await json(['scan', ...argv], expected, options)
  return result as unknown as ScanResult
}

test.after(async () => {
  exceptions.restore()
  devFile.restore()
  fs.rmSync(folder, { recursive: true, force: true })
  for (const image of [bad, good, service]) {
    for (const file of [...Object.values(reportFiles(image)), sbomFile(image, 'spdx'), sbomFile(image, 'cyclonedx')])
      fs.rmSync(path.join(root, file), { force: true })
    if (!noScanner) await stack.start([stack.program, 'rmi', '--force', image]).ended
  }
  if (!noScanner) await stack.start([stack.program, 'rmi', '--force', scannerImage]).ended
  assert.equal(stack.descendants(), [], 'processes of the tests are left')
})

runs('a scanner, a generator, two images and a database of public advisories', async () => {
  const bin = await toolsFolder()
  env = {
    ...(bin ? { PATH: `${bin}${path.delimiter}${process.env.PATH}` } : {}),
    IMAGE_PREFIX: prefix,
    COMPOSE_PROJECT_NAME: 'aqua-e2e-scan',
  }
  await buildImage(bad, 'org.apache.logging.log4j:log4j-core:2.14.1')
  await buildImage(good, 'org.apache.logging.log4j:log4j-core:2.24.3')
  await importDatabase(folder, 0, databases('fresh'))
  await importDatabase(folder, 30, databases('old'))
  except()
})

runs('a known-vulnerable library: exit 5 names it, its fix and its image; the reports are whole', async () => {
  const error = await refusal(['scan', '--image', bad, '--mode', 'enforce'], 5, fresh())
  assert.is(error.code, 'VULNERABLE')
  assert.is(error.details.length, 1)
  for (const word of [bad, 'critical', 'GHSA-jfh8-c2jp-5v3q', 'org.apache.logging.log4j:log4j-core 2.14.1', '2.15.0'])
    assert.ok(error.details[0]?.includes(word), `${word} is not in ${error.details[0]}`)
  const files = reportFiles(bad)
  assert.match(read(files.table), /CVE-2021-44228/)
  assert.is((JSON.parse(read(files.json)) as { counts: { critical: number } }).counts.critical, 1)
  const sarif = JSON.parse(read(files.sarif)) as { runs: { results: { ruleId: string }[] }[] }
  assert.is(sarif.runs[0]?.results[0]?.ruleId, 'GHSA-jfh8-c2jp-5v3q')
  assert.equal(leftFolders(), [])
})

runs('a pull request reports and passes, main fails', async () => {
  const on = (GITHUB_REF: string) => ({ env: { ...databases('fresh'), GITHUB_REF } })
  const reported = await scan(['--image', bad], 0, on('refs/pull/7/merge'))
  assert.equal([reported.mode, reported.images[0]?.critical, reported.blocking.length], ['report', 1, 1])
  assert.is((await scan(['--image', bad], 5, on('refs/heads/main'))).mode, 'enforce')
  assert.match((await aqua(['scan', '--image', bad], 0, fresh())).stdout, /bad:1 +1 +0 +1 +0/)
})

runs('the good image after the bad one changes nothing: both are scanned, then it fails', async () => {
  const result = await scan(['--image', bad, '--image', good, '--mode', 'enforce'], 5)
  assert.equal(
    result.images.map(({ image, critical }) => [image, critical]),
    [
      [bad, 1],
      [good, 0],
    ],
  )
  assert.equal([...new Set(result.blocking.map(({ image }) => image))], [bad])
  assert.ok(there(reportFiles(good).json))
  await scan(['--image', good, '--mode', 'enforce'], 0)
})

runs('an exception that holds passes and is shown; one that has expired fails again', async () => {
  const covered = { id: 'CVE-2021-44228', package: 'org.apache.logging.log4j:log4j-core', reason: 'a test image' }
  except({ ...covered, expires: '2999-12-31' })
  const passed = await scan(['--image', bad, '--mode', 'enforce'], 0)
  assert.equal([passed.images[0]?.critical, passed.images[0]?.excepted], [0, 1])
  const { stderr } = await aqua(['scan', '--image', bad, '--mode', 'enforce'], 0, fresh())
  assert.match(stderr, /excepted until 2999-12-31: CVE-2021-44228 .* a test image/)
  except({ ...covered, expires: '2026-01-01' })
  const error = await refusal(['scan', '--image', bad, '--mode', 'enforce'], 5, fresh())
  assert.match(error.details[0] ?? '', /its exception expired on 2026-01-01/)
  except({ ...covered, expires: 'soon' })
  assert.is((await refusal(['scan', '--image', bad], 2, fresh())).code, 'EXCEPTIONS_INVALID')
  except()
})

runs('no database in reach, and one of last month: exit 3 in both modes, and no report that looks clean', async () => {
  for (const [name, why] of [
    ['none', /does not exist/],
    ['old', /built|old|age/],
  ] as const)
    for (const mode of ['report', 'enforce']) {
      await scan(['--image', good], 0)
      assert.ok(there(reportFiles(good).json))
      const error = await refusal(['scan', '--image', good, '--mode', mode], 3, { env: databases(name) })
      assert.is(error.code, 'DATABASE_MISSING')
      assert.match(error.message, why)
      assert.not.ok(there(reportFiles(good).json))
    }
})

runs('an image that is not here is exit 3, not a clean one', async () => {
  const error = await refusal(['scan', '--image', good, '--image', `${prefix}nowhere:1`], 3, fresh())
  assert.is(error.code, 'IMAGE_MISSING')
  assert.match(error.message, /nowhere:1/)
})

runs('the container: without network, root filesystem or capabilities it reads the image just the same', async () => {
  const bin = await toolsFolder()
  const program = bin ? path.join(bin, 'grype') : (await stack.start(['which', 'grype']).ended).stdout.trim()
  const context = fs.mkdtempSync(path.join(folder, 'context-'))
  fs.copyFileSync(program, path.join(context, 'grype'))
  // The published image has the same entrypoint; this one is made here because no registry can be asked for that one.
  fs.writeFileSync(path.join(context, 'Dockerfile'), 'FROM scratch\nCOPY grype /grype\nENTRYPOINT ["/grype"]\n')
  await docker('build', '-q', '-t', scannerImage, context)
  const work = fs.mkdtempSync(path.join(folder, 'work-'))
  await docker('save', '--output', path.join(work, archiveName), bad)
  const cache = path.join(folder, 'container-cache')
  fs.mkdirSync(path.join(cache, 'grype'), { recursive: true })
  fs.cpSync(path.join(folder, 'fresh'), path.join(cache, 'grype', 'db'), { recursive: true })
  const tool = { name: 'grype', version: '0', image: scannerImage }
  const call = { docker: stack.program, work, cache, network: false, env: grype.env }
  await withIo(async (io) => {
    const status = toolCommand(tool, call, () => grype.status())
    assert.ok(grype.database((await io.run(status.argv, status.options)).stdout, new Date()) instanceof Date)
    const { argv, options } = toolCommand(tool, call, (at) => grype.scan(at(archiveName), at('report.json')))
    await io.run(argv, options)
  })
  const [found] = grype.parse(fs.readFileSync(path.join(work, 'report.json'), 'utf8'))
  assert.equal([found?.id, found?.fix], ['GHSA-jfh8-c2jp-5v3q', '2.15.0'])
})

runs('the configuration of this project is scanned offline and has nothing high', async () => {
  const { images } = await scan(['--config', '--mode', 'enforce'], 0, { env: { ...databases('none'), GITHUB_REF: '' } })
  assert.equal(
    images.map(({ image, fixable }) => [image, fixable]),
    [['configuration', 0]],
  )
})

async function validators(): Promise<Record<'spdx' | 'cyclonedx', ValidateFunction>> {
  const schemas = path.join(folder, 'schemas')
  await fetchSchemas('org.cyclonedx:cyclonedx-core-java:12.1.0', schemas)
  await fetchSchemas('org.spdx:tools-java:1.1.8', schemas)
  const load = (file: string) => JSON.parse(fs.readFileSync(path.join(schemas, file), 'utf8'))
  const options = { strict: false, allErrors: true }
  // Each schema is of another draft of JSON Schema.
  const [draft7, draft2019] = [new Ajv(options), new Ajv2019(options)]
  for (const ajv of [draft7, draft2019]) {
    ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/)
    // Syft writes a licence's address as it finds it; addresses are not what is tested.
    for (const name of ['uri', 'iri-reference', 'idn-email']) ajv.addFormat(name, true)
  }
  draft7.addSchema(load('spdx.schema.json')).addSchema(load('jsf-0.82.schema.json'))
  return {
    spdx: draft2019.compile(load(path.join('resources', 'spdx-schema-v2.3.json'))),
    cyclonedx: draft7.compile(load('bom-1.6.schema.json')),
  }
}

runs('sbom of one of the seven: valid by the official schemas, naming Spring Boot and the JRE', async () => {
  if (!there('env/.env.dev')) await aqua(['env', 'init', 'dev'], 0)
  await aqua(['build-images', '--only', 'crew'], 0, { env, live: true })
  const { result } = await json(['sbom', '--only', 'crew'], 0, { env })
  const [row] = result.sboms as { image: string; packages: number; files: string[] }[]
  assert.equal([row?.image, row?.files], [service, [sbomFile(service, 'spdx'), sbomFile(service, 'cyclonedx')]])
  assert.ok((row?.packages ?? 0) > 50)
  const spdx = JSON.parse(read(sbomFile(service, 'spdx'))) as { packages: { name: string; versionInfo: string }[] }
  const cyclonedx = JSON.parse(read(sbomFile(service, 'cyclonedx'))) as {
    components: { name: string; version: string }[]
    metadata: { component: { name: string; version: string } }
  }
  const check = await validators()
  for (const [kind, document] of Object.entries({ spdx, cyclonedx }) as [keyof typeof check, object][]) {
    assert.ok(check[kind](document), JSON.stringify(check[kind].errors?.slice(0, 3)))
    // The schema is no yes-man.
    const list = kind === 'spdx' ? 'packages' : 'components'
    assert.not.ok(check[kind]({ ...document, [list]: [{ nonsense: true }] }))
  }
  const versions = new Map(spdx.packages.map(({ name, versionInfo }) => [name, versionInfo]))
  assert.match(versions.get('spring-boot') ?? '', /^\d+\.\d+/)
  const runtime = [...versions.keys()].find((name) => /jre|jdk/.test(name) && !/jdk\d/.test(name))
  assert.match(versions.get(runtime ?? '') ?? '', /^21\./)
  const names = cyclonedx.components.map(({ name }) => name)
  assert.ok(names.includes('spring-boot') && names.includes(runtime ?? ''))
  const id = await docker('image', 'inspect', '--format', '{{.Id}}', service)
  assert.equal([cyclonedx.metadata.component.name, cyclonedx.metadata.component.version], [service, id])
})

runs('an image that is no service is described all the same', async () => {
  await json(['sbom', '--image', bad], 0, { env })
  assert.match(read(sbomFile(bad, 'spdx')), /"log4j-core"/)
})

async function killedIn(argv: readonly string[], options: { env: Record<string, string> }): Promise<void> {
  const { child, ended } = startAqua(argv, options)
  await stack.eventually('it works on the image', () => leftFolders().length > 0)
  await stack.eventually('it has the image', () =>
    leftFolders().some((name) => fs.readdirSync(path.join(stateDir, name)).some((file) => file.includes(archiveName))),
  )
  child.kill('SIGKILL')
  await ended
  for (const { pid } of stack.descendants()) process.kill(pid, 'SIGKILL')
  await stack.eventually('its children are gone', () => stack.descendants().length === 0)
}

runs('killed half-way: no file under its final name, neither new nor old; the next run clears up', async () => {
  assert.ok(there(sbomFile(service, 'spdx')))
  await killedIn(['sbom', '--only', 'crew'], { env })
  assert.not.ok(there(sbomFile(service, 'spdx')) || there(sbomFile(service, 'cyclonedx')))
  assert.is(leftFolders().length, 1)

  await scan(['--image', service], 0)
  await killedIn(['scan', '--image', service], fresh())
  for (const file of Object.values(reportFiles(service))) assert.not.ok(there(file), file)

  await json(['sbom', '--only', 'crew'], 0, { env })
  assert.ok(there(sbomFile(service, 'spdx')) && there(sbomFile(service, 'cyclonedx')))
  assert.equal(leftFolders(), [])
})

runs('Ctrl-C half-way: exit 130, and the copy of the image is gone', async () => {
  const { child, ended } = startAqua(['sbom', '--only', 'crew'], { env })
  await stack.eventually('it works on the image', () => leftFolders().length > 0)
  child.kill('SIGINT')
  assert.is((await ended).code, 130)
  assert.not.ok(there(sbomFile(service, 'spdx')))
  assert.equal(leftFolders(), [])
})

test.run()
