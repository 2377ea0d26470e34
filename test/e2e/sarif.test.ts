import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Ajv } from 'ajv'
import { list } from 'tar'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Report } from '../../docker/scan/report.ts'
import { sarif } from '../../docker/scan/sarif.ts'
import { expectCode, start } from './stack.ts'

// The format's own schema, revision rtm.5 by OASIS, which a package of Microsoft's brings along.
const shipped = '@microsoft/jest-sarif@1.0.0-beta.0'
const inside = 'package/lib/schemas/sarif-2.1.0-rtm.5.json'

async function fetchSchema(): Promise<Record<string, unknown>> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-sarif-'))
  try {
    const argv = ['npm', 'pack', '--silent', '--pack-destination', folder, shipped]
    expectCode(`npm pack ${shipped}`, await start(argv, { cwd: folder }).ended, 0)
    const [file = ''] = fs.readdirSync(folder)
    const parts: Buffer[] = []
    await list({
      file: path.join(folder, file),
      filter: (name) => name === inside,
      onReadEntry: (entry) => void entry.on('data', (data) => parts.push(data)),
    })
    return JSON.parse(Buffer.concat(parts).toString('utf8'))
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}

const finding: Report['findings'][number] = {
  id: 'CVE-2021-44228',
  aliases: [],
  severity: 'critical',
  package: 'p',
  version: '1',
  fix: '2',
  place: '/app/a b.jar',
  title: 'a title',
  exception: undefined,
  expired: false,
}
const exception = { id: 'CVE-2', package: 'p', reason: 'not reached', expires: '2027-01-01' }
const report: Report = {
  target: 'ghcr.io/o/backend-user:1@sha256:0',
  imageId: 'sha256:1',
  tool: { name: 'grype', version: '0.120.1', image: undefined },
  findings: [finding, { ...finding, id: 'CVE-2', exception }],
}

test('SARIF is valid by its schema: with findings, without any, of a file, by no tool', async () => {
  // Written in draft 4, of which only these two words mean nothing to a later validator.
  const { $schema, id, ...schema } = await fetchSchema()
  const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false })
  ajv.addFormat('uri', (text: string) => URL.canParse(text))
  ajv.addFormat('uri-reference', (text: string) => URL.canParse(text, 'file:///'))
  ajv.addFormat('date-time', (text: string) => !Number.isNaN(Date.parse(text)))
  const valid = ajv.compile(schema)
  const placed = { ...finding, place: 'docker/x y.yml', line: 7, fix: undefined, url: 'https://example.org/CVE-1' }
  const reports: Report[] = [
    report,
    { ...report, findings: [] },
    { ...report, target: 'configuration', tool: undefined, imageId: undefined, findings: [placed] },
  ]
  for (const one of reports)
    assert.ok(valid(JSON.parse(JSON.stringify(sarif(one)))), `${one.target}: ${JSON.stringify(valid.errors)}`)
  // The schema is no yes-man.
  const broken = sarif({ ...report, findings: [{ ...finding, line: 0, url: 'no address' }] })
  assert.not.ok(valid(JSON.parse(JSON.stringify(broken))))
  assert.equal([...new Set(valid.errors?.map(({ keyword }) => keyword))].sort(), ['format', 'minimum'])
})

test.run()
