import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { grype } from '../../docker/scan/grype.ts'
import type { Scanner } from '../../docker/scan/scanner.ts'
import { trivy } from '../../docker/scan/trivy.ts'
import { isAquaError } from '../../scripts/error.ts'

const now = new Date('2026-11-23T12:00:00Z')

const match = (more: object = {}, artifact: object = {}) => ({
  vulnerability: {
    id: 'GHSA-jfh8-c2jp-5v3q',
    severity: 'Critical',
    description: 'Remote code injection',
    dataSource: 'https://github.com/advisories/GHSA-jfh8-c2jp-5v3q',
    fix: { state: 'fixed', versions: ['2.15.0'] },
    ...more,
  },
  relatedVulnerabilities: [{ id: 'CVE-2021-44228' }],
  artifact: {
    name: 'log4j-core',
    version: '2.14.1',
    purl: 'pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1',
    locations: [{ path: '/app/log4j-core-2.14.1.jar' }],
    ...artifact,
  },
})

function refusedBy(work: () => unknown, code: string, exit: number): string {
  try {
    work()
  } catch (error) {
    if (!isAquaError(error)) throw error
    assert.equal([error.code, error.exitCode], [code, exit])
    return error.message
  }
  throw new Error('not refused')
}

test('grype: a match with its other name, its Maven name, its fix', () => {
  assert.equal(grype.parse(JSON.stringify({ matches: [match()] })), [
    {
      id: 'GHSA-jfh8-c2jp-5v3q',
      aliases: ['CVE-2021-44228'],
      severity: 'critical',
      package: 'org.apache.logging.log4j:log4j-core',
      version: '2.14.1',
      fix: '2.15.0',
      place: '/app/log4j-core-2.14.1.jar',
      title: 'Remote code injection',
      url: 'https://github.com/advisories/GHSA-jfh8-c2jp-5v3q',
    },
  ])
})

test('grype: one package in two places is one finding, without a fixed version there is no fix, the worst come first', () => {
  const found = grype.parse(
    JSON.stringify({
      matches: [
        match(
          { id: 'CVE-1', severity: 'Low', fix: { state: 'wont-fix', versions: [] } },
          { name: 'zlib1g', purl: 'x' },
        ),
        match(),
        match({}, { locations: [{ path: '/elsewhere.jar' }] }),
      ],
    }),
  )
  assert.equal(
    found.map((finding) => [finding.package, finding.severity, finding.fix]),
    [
      ['org.apache.logging.log4j:log4j-core', 'critical', '2.15.0'],
      ['zlib1g', 'low', undefined],
    ],
  )
})

test('a report that is none is an error, never "no vulnerabilities"', () => {
  for (const text of ['', '{', '{}', '{"matches":null}', 'null'.padEnd(5)])
    assert.throws(() => grype.parse(text), undefined, text)
  for (const text of ['', '{', '{}', '{"SchemaVersion":1,"Results":[]}'])
    assert.throws(() => trivy.parse(text), undefined, text)
  assert.equal(grype.parse('{"matches":[]}'), [])
})

test('grype: no database, a broken one and no answer at all are exit 3 with the reason', () => {
  const ask = (status: object) => () => grype.database(JSON.stringify(status), now)
  const said = refusedBy(ask({ valid: false, error: 'database does not exist' }), 'DATABASE_MISSING', 3)
  assert.match(said, /database does not exist/)
  refusedBy(ask({ valid: false, built: '2026-10-01T00:00:00Z', error: 'built 7 weeks ago' }), 'DATABASE_MISSING', 3)
  refusedBy(() => grype.database('', now), 'DATABASE_MISSING', 3)
  refusedBy(ask({ valid: true }), 'DATABASE_MISSING', 3)
  assert.equal(ask({ valid: true, built: '2026-11-22T00:00:00Z' })(), new Date('2026-11-22T00:00:00Z'))
})

test('trivy, as documented, no real one at hand: five days, and a Java database of its own', () => {
  const ask = (made: string | undefined, java = true) => {
    const databases = { VulnerabilityDB: made && { UpdatedAt: made }, JavaDB: java ? { UpdatedAt: made } : undefined }
    return () => trivy.database(JSON.stringify({ Version: '0.75.0', ...databases }), now)
  }
  assert.equal(ask('2026-11-19T00:00:00Z')(), new Date('2026-11-19T00:00:00Z'))
  refusedBy(ask('2026-11-18T00:00:00Z'), 'DATABASE_MISSING', 3)
  refusedBy(ask('no date'), 'DATABASE_MISSING', 3)
  refusedBy(ask(undefined), 'DATABASE_MISSING', 3)
  refusedBy(ask('2026-11-22T00:00:00Z', false), 'DATABASE_MISSING', 3)
})

test('trivy, as documented, no real one at hand: its report gives the same findings as grype gives', () => {
  const vulnerability = {
    VulnerabilityID: 'CVE-2021-44228',
    VendorIDs: ['GHSA-jfh8-c2jp-5v3q'],
    PkgName: 'org.apache.logging.log4j:log4j-core',
    PkgPath: 'app/log4j-core-2.14.1.jar',
    InstalledVersion: '2.14.1',
    FixedVersion: '2.15.0',
    Severity: 'CRITICAL',
    Title: 'Remote code injection',
    PrimaryURL: 'https://avd.aquasec.com/nvd/cve-2021-44228',
  }
  const clean = { Target: 'debian 13', Vulnerabilities: null }
  const report = { SchemaVersion: 2, Results: [clean, { Target: 'Java', Vulnerabilities: [vulnerability] }] }
  const [finding] = trivy.parse(JSON.stringify(report))
  const [same] = grype.parse(JSON.stringify({ matches: [match()] }))
  for (const field of ['package', 'version', 'severity', 'fix'] as const) assert.is(finding?.[field], same?.[field])
  assert.equal(finding?.aliases, ['GHSA-jfh8-c2jp-5v3q'])
})

test('neither scanner exits by what it finds, nor fetches a database while it scans', () => {
  const words = (scanner: Scanner) => [
    ...scanner.scan('a', 'r'),
    ...Object.entries(scanner.env).map((pair) => pair.join('=')),
  ]
  assert.ok(words(grype).includes('GRYPE_DB_AUTO_UPDATE=false'))
  assert.not.ok(words(grype).some((word) => word.startsWith('--fail-on')))
  for (const word of ['--skip-db-update', '--skip-java-db-update', '--offline-scan'])
    assert.ok(words(trivy).includes(word), word)
  assert.is(words(trivy)[words(trivy).indexOf('--exit-code') + 1], '0')
})

test.run()
