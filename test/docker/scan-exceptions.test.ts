import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Exception, isBlocking, isExcepted, judge, readExceptions } from '../../docker/scan/exceptions.ts'
import type { Finding } from '../../docker/scan/finding.ts'
import { defaultMode } from '../../docker/scan/mode.ts'
import { count } from '../../docker/scan/report.ts'
import { root, temporary } from './fixture.ts'

const finding: Finding = {
  id: 'GHSA-jfh8-c2jp-5v3q',
  aliases: ['CVE-2021-44228'],
  severity: 'critical',
  package: 'org.apache.logging.log4j:log4j-core',
  version: '2.14.1',
  fix: '2.15.0',
  place: '/app.jar',
  title: 'x',
}
const exception: Exception = {
  id: 'CVE-2021-44228',
  package: 'org.apache.logging.log4j:log4j-core',
  reason: 'no message lookups here',
  expires: '2026-11-23',
}
const image = 'ghcr.io/owner/backend-user:1.2'

function judged(exceptions: Exception[], now = '2026-11-23T12:00:00Z', name = image) {
  const [one] = judge([finding], name, exceptions, new Date(now))
  if (!one) throw new Error('lost')
  return one
}

test('an exception holds to the end of its day, and not a second longer', () => {
  assert.is(isBlocking(judged([])), true)
  assert.is(isBlocking(judged([exception], '2026-11-23T23:59:59Z')), false)
  const after = judged([exception], '2026-11-24T00:00:00Z')
  assert.equal([isBlocking(after), isExcepted(after), after.expired], [true, false, true])
})

test('it covers its package and, if it names one, its image only; by either name of the vulnerability', () => {
  assert.is(isBlocking(judged([{ ...exception, id: 'GHSA-jfh8-c2jp-5v3q' }])), false)
  assert.is(isBlocking(judged([{ ...exception, id: 'CVE-2021-45046' }])), true)
  assert.is(isBlocking(judged([{ ...exception, package: 'log4j-api' }])), true)
  assert.is(isBlocking(judged([{ ...exception, image: 'backend-user' }])), false)
  assert.is(isBlocking(judged([{ ...exception, image: 'backend-media' }])), true)
  for (const name of ['backend-user', 'localhost:5000/backend-user', 'x/backend-user@sha256:0'])
    assert.is(isBlocking(judged([{ ...exception, image: 'backend-user' }], undefined, name)), false, name)
})

test('a renewed exception wins over the expired one before it', () => {
  const old = { ...exception, expires: '2026-01-01' }
  assert.is(judged([old, exception]).exception, exception)
})

test('only high and critical findings with a fix fail; an excepted one is counted as that alone', () => {
  const blocking = (more: Partial<Finding>) => isBlocking({ ...judged([]), ...more })
  assert.equal(
    [{ severity: 'high' }, { severity: 'medium' }, { severity: 'unknown' }, { fix: undefined }].map((more) =>
      blocking(more as Partial<Finding>),
    ),
    [true, false, false, false],
  )
  const findings = [judged([]), { ...judged([]), severity: 'high' as const, fix: undefined }, judged([exception])]
  assert.equal(count({ findings }), { critical: 1, high: 1, fixable: 1, excepted: 1 })
})

test('a file that is not exactly a list of exceptions is refused, exit 2', async () => {
  const { folder, put } = temporary()
  const list = (entry: object) => JSON.stringify({ exceptions: [entry] })
  for (const [text, why] of [
    ['{', /JSON/i],
    ['[]', /no list/],
    [list({ ...exception, reason: ' ' }), /no reason/],
    [list({ ...exception, expires: undefined }), /no expires/],
    [list({ ...exception, expires: '2026-02-30' }), /no day/],
    [list({ ...exception, expires: '2099' }), /no day/],
    [list({ ...exception, packages: '*' }), /field "packages"/],
    [list({ ...exception, image: '' }), /no image/],
  ] as const) {
    put('docker/scan/exceptions.json', text)
    const error = await readExceptions(folder).then(
      () => undefined,
      (thrown) => thrown,
    )
    assert.is(error?.exitCode, 2, text)
    assert.match(error.message, why)
  }
  put('docker/scan/exceptions.json', list(exception))
  assert.equal(await readExceptions(folder), [exception])
  await readExceptions(root)
})

test('CI enforces on main and on tags; pull requests, branches and laptops report', () => {
  const mode = (ref?: string, CI: string | undefined = 'true') => defaultMode({ CI, GITHUB_REF: ref }).mode
  assert.is(mode('refs/heads/main'), 'enforce')
  assert.is(mode('refs/tags/v1.2.3'), 'enforce')
  assert.is(mode('refs/pull/7/merge'), 'report')
  assert.is(mode('refs/heads/main-2'), 'report')
  assert.is(mode(undefined), 'report')
  assert.is(defaultMode({ GITHUB_REF: 'refs/heads/main' }).mode, 'report')
})

test.run()
