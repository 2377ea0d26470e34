import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { debianMirror } from '../../docker/apt.ts'
import { temporary } from './fixture.ts'

const archive = 'http://mirror.example/debian'
const security = 'http://mirror.example/debian-security'
const key = '/usr/share/keyrings/debian-archive-keyring.gpg'

function mirrorOf(files: Record<string, string>, env: Record<string, string> = {}) {
  const { folder, put } = temporary()
  for (const [name, text] of Object.entries(files)) put(name, text)
  return debianMirror(env, path.join(folder))
}

const deb822 = `# Comment
Types: deb
URIs: ${archive}
Suites: bookworm bookworm-updates
Components: main
Signed-By: ${key}

Types: deb
URIs: ${security}
Suites: bookworm-security
Components: main
Signed-By: ${key}
`

test('from deb822', () => {
  assert.equal(mirrorOf({ 'sources.list.d/debian.sources': deb822 }), { archive, security })
})

test('from one-line sources, with options and comments', () => {
  const list = [
    `# deb http://old.example/debian bookworm main`,
    `deb [arch=amd64 signed-by=${key}] ${archive} bookworm main contrib # main`,
    `deb ${archive} bookworm-updates main`,
    `deb-src http://src.example/debian bookworm main`,
    `deb ${security} bookworm-security main`,
  ].join('\n')
  assert.equal(mirrorOf({ 'sources.list': `${list}\n` }), { archive, security })
})

test('somebody else’s packages for the same release are not the archive', () => {
  const files = {
    'sources.list.d/a-vendor.list': 'deb [signed-by=/etc/apt/keyrings/v.gpg] http://vendor.example/apt trixie main\n',
    'sources.list.d/b-debian.sources': deb822.replaceAll('bookworm', 'trixie'),
  }
  assert.equal(mirrorOf(files), { archive, security })
})

test('disabled entries, other names of files and another distribution count for nothing', () => {
  assert.is(
    mirrorOf({ 'sources.list.d/debian.sources': deb822.replaceAll('Types: deb', 'Enabled: no\nTypes: deb') }),
    undefined,
  )
  assert.is(mirrorOf({ 'sources.list.d/debian.sources.bak': deb822 }), undefined)
  assert.is(mirrorOf({ 'sources.list': 'deb http://mirror.example/ubuntu noble main\n' }), undefined)
  assert.is(mirrorOf({}), undefined)
})

test('without a security archive there is none', () => {
  const only = deb822.split('\n\n')[0] ?? ''
  assert.equal(mirrorOf({ 'sources.list.d/debian.sources': only }), { archive, security: undefined })
})

test('the environment decides before apt does', () => {
  const env = { AQUA_DEBIAN_MIRROR: 'http://other.example/debian' }
  assert.equal(mirrorOf({ 'sources.list.d/debian.sources': deb822 }, env), {
    archive: env.AQUA_DEBIAN_MIRROR,
    security: undefined,
  })
})

test.run()
