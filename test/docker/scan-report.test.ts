import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { judge } from '../../docker/scan/exceptions.ts'
import type { Finding } from '../../docker/scan/finding.ts'
import { type Report, removeReports, reportFiles, summary, writeReports } from '../../docker/scan/report.ts'
import { temporary } from './fixture.ts'

const finding = (id: string, severity: Finding['severity']): Finding => ({
  id,
  aliases: [],
  severity,
  package: 'p',
  version: '1',
  fix: '2',
  place: '/app/a b.jar',
  title: 'a title',
})
const exceptions = [{ id: 'CVE-2', package: 'p', reason: 'not reached', expires: '2027-01-01' }]
const target = 'ghcr.io/o/backend-user:1@sha256:0'
const report: Report = {
  target,
  imageId: 'sha256:1',
  tool: { name: 'grype', version: '0.120.1', image: undefined },
  findings: judge([finding('CVE-1', 'high'), finding('CVE-2', 'critical')], target, exceptions, new Date('2026-11-23')),
}

interface Sarif {
  version: string
  runs: {
    automationDetails: { id: string }
    tool: { driver: { name: string; rules: { id: string; properties: { 'security-severity': string } }[] } }
    results: {
      ruleId: string
      suppressions?: { justification: string }[]
      locations: { physicalLocation: { artifactLocation: { uri: string }; region: { startLine: number } } }[]
    }[]
  }[]
}

test('table, JSON and SARIF, whole and readable again; no temporary file stays', async () => {
  const { folder } = temporary()
  const files = await writeReports(folder, report)
  assert.equal(
    fs.readdirSync(path.join(folder, 'reports', 'scan')).sort(),
    Object.values(files)
      .map((file) => path.basename(file))
      .sort(),
  )
  const read = (file: string) => fs.readFileSync(path.join(folder, file), 'utf8')
  const json = JSON.parse(read(files.json)) as { counts: unknown; findings: unknown[] }
  assert.equal(json.counts, { critical: 0, high: 1, fixable: 1, excepted: 1 })
  assert.is(json.findings.length, 2)
  assert.match(read(files.table), /CVE-2 .*until 2027-01-01: not reached/)

  const { version, runs } = JSON.parse(read(files.sarif)) as Sarif
  assert.is(version, '2.1.0')
  const [run] = runs
  assert.is(run?.automationDetails.id, 'scan/ghcr.io__o__backend-user_1_sha256_0/')
  const rules = run?.tool.driver.rules.map(({ id }) => id)
  assert.equal(
    run?.results.map(({ ruleId }) => ruleId),
    rules,
  )
  const [first, second] = run?.results ?? []
  assert.equal([first?.suppressions, second?.suppressions?.[0]?.justification], [undefined, 'not reached'])
  assert.is(first?.locations[0]?.physicalLocation.artifactLocation.uri, 'app/a%20b.jar')
})

test('the reports of an earlier run go before the new one starts', async () => {
  const { folder } = temporary()
  await writeReports(folder, report)
  await removeReports(folder, [target, 'never:made'])
  assert.equal(fs.readdirSync(path.join(folder, 'reports', 'scan')), [])
})

test('images that differ in registry, name or tag have files of their own, all in the folder', () => {
  const names = ['a/b:1', 'a:5000/b:1', 'a/5000/b:1', '../x', 'a/b:2', 'configuration']
  const files = names.map((name) => reportFiles(name).json)
  assert.ok(files.every((file) => path.dirname(file) === path.join('reports', 'scan')))
  assert.is(new Set(files).size, names.length)
})

test('the summary has a line per image with what is open, and excepted ones in a column of their own', () => {
  assert.equal(
    summary([report]).map((line) => line.split(/\s+/)),
    [
      ['IMAGE', 'CRITICAL', 'HIGH', 'FIXABLE', 'EXCEPTED'],
      [target, '0', '1', '1', '1'],
    ],
  )
})

test.run()
