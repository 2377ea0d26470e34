import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ComposeService, checkCompose } from '../../docker/scan/composefile.ts'
import { dockerfiles } from '../../docker/scan/configuration.ts'
import { checkDockerfile, instructions } from '../../docker/scan/dockerfile.ts'
import { stages } from '../../scripts/task.ts'
import { composed, noCompose, required } from './composed.ts'
import { root } from './fixture.ts'

const rulesOf = (text: string) => checkDockerfile('Dockerfile', text).map(({ id, line }) => `${id}:${line}`)

const sound = `ARG BASE=debian:trixie-20260803-slim
FROM \${BASE} AS build
RUN --mount=type=secret,id=token make
FROM \${BASE}
COPY --from=build /x /x
# a comment
EXPOSE 80
HEALTHCHECK CMD ["/x", "ok"]
USER 1000:1000
ENTRYPOINT ["/x"]
`

test('continuation lines are one instruction, comments between them none', () => {
  assert.equal(instructions('FROM a:1 \\\n# why\n  AS b\n\nRUN x'), [
    { name: 'FROM', text: 'a:1 AS b', line: 1 },
    { name: 'RUN', text: 'x', line: 5 },
  ])
})

test('a sound Dockerfile has no finding; each mistake has one, with its line', () => {
  assert.equal(rulesOf(sound), [])
  const broken = (before: string | RegExp, after: string) => rulesOf(sound.replace(before, after))
  assert.equal(broken('# a comment', 'ADD https://example.org/x.tar /x'), ['dockerfile/unchecked-download:6'])
  assert.equal(broken('# a comment', 'ADD --checksum=sha256:0 https://example.org/x /x'), [])
  assert.equal(broken('# a comment', 'RUN curl -fsSL https://example.org/i | sh'), ['dockerfile/piped-script:6'])
  assert.equal(broken('# a comment', 'RUN chmod -R 777 /x'), ['dockerfile/world-writable:6'])
  assert.equal(broken('# a comment', 'ENV A=1 API_TOKEN=abc'), ['dockerfile/secret:6'])
  assert.equal(broken('# a comment', 'ARG DB_PASSWORD'), ['dockerfile/secret:6'])
  assert.equal(broken('-20260803-slim', ''), [])
  assert.equal(broken(':trixie-20260803-slim', ''), ['dockerfile/floating-base:2', 'dockerfile/floating-base:4'])
  assert.equal(broken(':trixie-20260803-slim', ':latest').length, 2)
  assert.equal(broken('USER 1000:1000\n', ''), ['dockerfile/runs-as-root:9'])
  assert.equal(broken('1000:1000', '0'), ['dockerfile/runs-as-root:10'])
  assert.equal(broken(/HEALTHCHECK.*\n/, ''), ['dockerfile/no-healthcheck:9'])
  assert.equal(rulesOf(`# syntax=docker/dockerfile:1\n${sound}`), ['dockerfile/frontend:1'])
})

test('a last stage without a program is a base for others: whoever runs it says as whom', () => {
  assert.equal(rulesOf('FROM debian:13.1\nRUN true\n'), [])
  assert.equal(rulesOf('FROM scratch\nCOPY x /x\n'), [])
  assert.equal(rulesOf('FROM debian:13.1 AS one\nFROM one\nRUN true\n'), [])
})

test('every Dockerfile of this project is looked at, and none has a high or critical finding', async () => {
  const files = await dockerfiles(root)
  assert.ok(files.includes('docker/images/service/Dockerfile') && files.length >= 7, files.join(' '))
  const grave = files
    .flatMap((file) => checkDockerfile(file, fs.readFileSync(path.join(root, file), 'utf8')))
    .filter(({ severity }) => severity === 'critical' || severity === 'high')
  assert.equal(grave, [])
})

const contained: ComposeService = {
  image: 'x:1',
  user: '1000:1000',
  read_only: true,
  cap_drop: ['ALL'],
  security_opt: ['no-new-privileges:true'],
  mem_limit: '1',
  pids_limit: 5,
  environment: { DB_PASSWORD: 'unset', DB_URL: 'jdbc:x' },
  ports: [{ host_ip: '127.0.0.1', target: 80, published: '80' }],
  volumes: [{ type: 'volume', source: 'data', target: '/data' }],
}
const brokenBy = (more: ComposeService) =>
  checkCompose('dev', 'c.yml', 'services:\n  x:\n', { x: { ...contained, ...more } }).map(({ id, line }) => [id, line])

test('a contained container has no finding; each loosening has the one that names it', () => {
  assert.equal(brokenBy({}), [])
  const cases: [string, ComposeService][] = [
    ['privileged', { privileged: true }],
    ['engine-socket', { volumes: [{ type: 'bind', source: '/var/run/docker.sock', target: '/s' }] }],
    ['secret-in-file', { environment: { DB_PASSWORD: 'postgres' } }],
    ['host-namespace', { network_mode: 'host' }],
    ['host-namespace', { pid: 'host' }],
    ['runs-as-root', { user: '0:0' }],
    ['capabilities', { cap_drop: ['NET_RAW'] }],
    ['privilege-escalation', { security_opt: [] }],
    ['public-port', { ports: [{ target: 80, published: '80' }] }],
    ['public-port', { ports: [{ host_ip: '0.0.0.0', target: 80, published: '80' }] }],
    ['floating-image', { image: 'localhost:5000/x' }],
    ['writable-root', { read_only: false }],
    ['no-limits', { pids_limit: 0 }],
  ]
  for (const [rule, more] of cases) assert.equal(brokenBy(more), [[`compose/${rule}`, 2]], rule)
  const { user: _, ...nobody } = contained
  assert.equal(
    checkCompose('dev', 'c.yml', '', { x: nobody }).map(({ id }) => id),
    ['compose/runs-as-root'],
  )
})

const title = 'no stage of this project has a high or critical finding'
if (noCompose) test.skip(title, noCompose as never)
else
  test(title, () => {
    const names = [...Object.keys(required), 'IMAGE_PREFIX', 'IMAGE_TAG']
    const env = Object.fromEntries(names.map((name) => [name, 'unset']))
    for (const stage of stages) {
      const services = composed(stage, env) as Record<string, ComposeService>
      assert.ok(Object.keys(services).length >= 10, stage)
      const grave = checkCompose(stage, 'x', '', services).filter(({ severity }) => /critical|high/.test(severity))
      assert.equal(grave, [])
    }
  })

test.run()
