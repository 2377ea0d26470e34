import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { debianArchive, parseAptSources, pinFor, sourceFor } from '../../docker/install/apt-sources.ts'
import { type Machine, pinFile, sourceFile, stalePidFiles } from '../../docker/install/machine.ts'
import { packagesOf, parseOsRelease } from '../../docker/install/os-release.ts'
import { planFix } from '../../docker/install/plan.ts'
import type { EngineInfo } from '../../docker/requirements/info.ts'
import { type AquaError, isAquaError } from '../../scripts/error.ts'
import type { Step } from '../../scripts/step.ts'

const deb822 = `# a comment
Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://tools.example/apt
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/tools.gpg

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm bookworm-updates
Components: main
`

const list = `# deb http://old.example/debian bookworm main
deb http://plain.example/debian bookworm main contrib # the archive
deb http://plain.example/debian bookworm-updates main
deb-src http://plain.example/debian bookworm main
deb [arch=amd64,arm64 signed-by=/etc/apt/keyrings/db.gpg] https://db.example/apt bookworm main
`

const bookworm = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'
const trixie = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n'
const ubuntu = 'PRETTY_NAME="Ubuntu 24.04"\nID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n'

const nothing: EngineInfo = {
  client: false,
  clientVersion: undefined,
  context: undefined,
  compose: undefined,
  buildx: undefined,
  server: undefined,
  error: undefined,
}
const server = { version: '26.1.5', memory: 1, rootDir: '/', hostName: 'x', system: 'x', registry: undefined }
const tools: EngineInfo = { ...nothing, client: true, context: 'default', compose: '2.26.1', buildx: '0.13.1' }

function machine(change: Partial<Machine> = {}): Machine {
  return {
    platform: 'linux',
    os: parseOsRelease(bookworm),
    sources: parseAptSources('debian.sources', deb822),
    root: true,
    interactive: false,
    sudo: 'free',
    systemd: false,
    docker: 'docker',
    elsewhere: undefined,
    info: nothing,
    dockerd: false,
    dockerCe: false,
    mmdebstrap: false,
    stale: [],
    alive: false,
    files: {},
    stateDir: '/state',
    ...change,
  }
}

const commands = (steps: readonly Step[]) => steps.flatMap((step) => ('argv' in step ? [step.argv.join(' ')] : []))
const install = (steps: readonly Step[]) => commands(steps).find((line) => line.includes('apt-get install')) ?? ''

function refusal(change: Partial<Machine>): AquaError {
  try {
    planFix(machine(change))
  } catch (error) {
    if (isAquaError(error)) return error
    throw error
  }
  throw new Error('it made a plan')
}

test('the main archive is told from security, third parties and disabled entries, in both formats', () => {
  const modern = debianArchive(parseAptSources('x.sources', deb822), 'bookworm')
  assert.equal(modern?.uris, ['http://mirror.example/debian'])
  const classic = debianArchive(parseAptSources('sources.list', list), 'bookworm')
  assert.equal(classic?.uris, ['http://plain.example/debian'])
  assert.is(debianArchive(parseAptSources('x.list', 'deb https://t.example/apt bookworm main'), 'bookworm'), undefined)
})

test('options of one-line entries get their deb822 names', () => {
  const [, , , last] = parseAptSources('sources.list', list)
  assert.equal(last?.options, { Architectures: 'amd64 arm64', 'Signed-By': '/etc/apt/keyrings/db.gpg' })
})

test('a key that stands in the file itself is carried over whole', () => {
  const text = `types: deb
uris: http://mirror.example/debian
suites: bookworm bookworm-updates
components: main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc=
 -----END PGP PUBLIC KEY BLOCK-----
`
  const [source] = parseAptSources('a.sources', text)
  assert.ok(source)
  const written = sourceFor(source, 'trixie')
  assert.ok(written.includes('Suites: trixie trixie-updates\n'))
  assert.equal(parseAptSources('b.sources', written)[0]?.options, source.options)
})

test('bookworm: the pin before the source, the mirror of the machine, and only Docker from trixie', () => {
  const steps = planFix(machine())
  assert.equal(commands(steps).slice(0, 4), [
    `install -D -m 0644 /state/install/aqua-trixie ${pinFile}`,
    `install -D -m 0644 /state/install/aqua-trixie.sources ${sourceFile}`,
    'env DEBIAN_FRONTEND=noninteractive apt-get update',
    'env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 ' +
      'docker.io/trixie iptables ca-certificates docker-cli/trixie docker-compose/trixie docker-buildx/trixie mmdebstrap',
  ])
  const written = steps.flatMap((step) => ('would' in step ? (step.would ?? []) : [])).join('\n')
  assert.ok(written.includes('URIs: http://mirror.example/debian\n'))
  assert.ok(written.includes('Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg'))
})

test('files that are there already are not written again', () => {
  const archive = debianArchive(machine().sources, 'bookworm')
  assert.ok(archive)
  const files = { [pinFile]: pinFor('trixie'), [sourceFile]: sourceFor(archive, 'trixie') }
  assert.match(commands(planFix(machine({ files })))[0] ?? '', 'apt-get update')
})

test('bookworm that was partly lifted to trixie takes everything from there', () => {
  assert.match(install(planFix(machine({ os: parseOsRelease(trixie) }))), '-t trixie')
})

test('trixie and Ubuntu install straight, each under its own names', () => {
  const sources = parseAptSources('x.sources', deb822.replaceAll('bookworm', 'trixie'))
  assert.match(
    install(planFix(machine({ os: parseOsRelease(trixie), sources }))),
    /docker\.io iptables ca-certificates docker-cli docker-compose docker-buildx mmdebstrap$/,
  )
  const plain = install(planFix(machine({ os: parseOsRelease(ubuntu), sources: [] })))
  assert.match(plain, /docker\.io iptables ca-certificates docker-compose-v2 docker-buildx mmdebstrap$/)
  assert.not.match(plain, 'no-install-recommends')
})

test("beside docker.com's engine only docker.com's plugins are added", () => {
  const info = { ...tools, server, compose: '2.20.0' }
  const steps = planFix(machine({ info, dockerd: true, dockerCe: true, mmdebstrap: true }))
  assert.match(install(steps), / docker-compose-plugin$/)
  assert.not(commands(steps).some((line) => line.includes('aqua-trixie')))
})

test('packages there and engine down: it is started, with systemd or without', () => {
  const down = machine({ info: tools, dockerd: true, mmdebstrap: true })
  const [start = '', ...rest] = commands(planFix(down))
  assert.match(start, 'setsid --fork dockerd')
  assert.equal(rest, [])
  assert.equal(commands(planFix({ ...down, systemd: true })), ['systemctl enable --now docker'])
})

test('an engine that is alive and does not answer yet is waited for, not started twice', () => {
  const steps = planFix(machine({ info: tools, dockerd: true, mmdebstrap: true, alive: true }))
  assert.equal(commands(steps), [])
  assert.is(steps.length, 1)
})

test('AQUA_DOCKER that names nothing is not mended by installing docker', () => {
  assert.is(refusal({ docker: '/opt/docker' }).code, 'CLIENT_MISSING')
})

test('pid files of an engine that is gone are removed before it starts', () => {
  const files: Record<string, string> = {
    '/var/run/docker.pid': '77',
    '/var/run/docker/containerd/containerd.pid': '78',
  }
  const processes: Record<number, string> = { 77: 'java\n', 78: 'containerd\n' }
  const stale = stalePidFiles(
    (file) => files[file],
    (pid) => processes[pid],
  )
  assert.equal(stale, ['/var/run/docker.pid'])
  assert.is(
    commands(planFix(machine({ info: tools, dockerd: true, mmdebstrap: true, stale })))[0],
    'rm -f /var/run/docker.pid',
  )
  assert.equal(
    stalePidFiles(
      () => undefined,
      () => undefined,
    ),
    [],
  )
})

test('a machine that has everything is left alone', () => {
  assert.equal(planFix(machine({ info: { ...tools, server }, dockerd: true, mmdebstrap: true })), [])
  // Docker Desktop on macOS has no dockerd on the host.
  assert.equal(planFix(machine({ platform: 'darwin', os: undefined, sources: [], info: { ...tools, server } })), [])
})

test('without root: sudo, at a terminal with the terminal, else one that asks nothing', () => {
  const user = { root: false }
  assert.match(install(planFix(machine({ ...user }))), /^sudo -n env DEBIAN_FRONTEND/)
  const steps = planFix(machine({ ...user, interactive: true, sudo: 'asks' }))
  assert.match(install(steps), /^sudo env/)
  assert.ok(steps.every((step) => !('argv' in step) || step.interactive === true))
  assert.is(refusal({ ...user, sudo: 'asks' }).code, 'NOT_ROOT')
  assert.match(refusal({ ...user, sudo: 'absent' }).hint ?? '', 'as root')
})

test('where aqua cannot install it says what to install', () => {
  const mac = refusal({ platform: 'darwin', os: undefined, sources: [] })
  assert.is(mac.exitCode, 3)
  assert.match(mac.hint ?? '', 'colima')
  const fedora = refusal({ os: parseOsRelease('ID=fedora\nPRETTY_NAME="Fedora 43"\n'), sources: [] })
  assert.match(fedora.message, 'Fedora 43')
  const old = refusal({ os: parseOsRelease('ID=debian\nVERSION_CODENAME=bullseye\n'), sources: [] })
  assert.is(old.code, 'DISTRIBUTION_OLD')
  assert.is(refusal({ sources: [] }).code, 'APT_SOURCE')
})

test('an engine elsewhere that does not answer is not replaced by one here', () => {
  const error = refusal({ info: { ...tools, context: 'prod' }, elsewhere: 'docker context prod' })
  assert.is(error.code, 'ENGINE_ELSEWHERE')
})

test('derivatives: by their relatives, with the code name of Debian', () => {
  const mint = parseOsRelease('ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=wilma\n')
  assert.is(packagesOf(mint), 'ubuntu')
  const lmde = parseOsRelease('ID=linuxmint\nID_LIKE=debian\nVERSION_CODENAME=faye\nDEBIAN_CODENAME=bookworm\n')
  assert.is(packagesOf(lmde), 'debian')
  assert.is(lmde.codename, 'bookworm')
  assert.is(packagesOf(parseOsRelease('ID=arch\n')), undefined)
})

test.run()
