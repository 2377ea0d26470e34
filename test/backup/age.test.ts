import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { Encrypter, generateHybridIdentity, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decryptor } from '../../backup/age/decrypt.ts'
import { encryptor } from '../../backup/age/encrypt.ts'
import { readIdentities } from '../../backup/age/identities.ts'
import { makeKey } from '../../backup/age/keygen.ts'
import { readRecipients } from '../../backup/age/recipients.ts'
import { Secret } from '../../scripts/secret.ts'
import { failure, has, pass, refusal, scratch, testIf, through } from './fixture.ts'

const folder = scratch('age')
const chunk = 65_536
const sizes = [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 5, 5 * 1024 * 1024]
const identity = await generateX25519Identity()
const recipient = await identityToRecipient(identity)
const hybrid = await generateHybridIdentity()
const hybridRecipient = await identityToRecipient(hybrid)

function file(name: string, text: string, mode = 0o600): string {
  const full = path.join(folder, name)
  fs.writeFileSync(full, text)
  fs.chmodSync(full, mode)
  return full
}

const open = async (data: Uint8Array, key = identity) => pass(data, await decryptor([new Secret(key)]))

test('there and back at the borders of chunks, and by the library', async () => {
  for (const size of sizes) {
    const plain = randomBytes(size)
    assert.ok((await open(await pass(plain, await encryptor([recipient])))).equals(plain), `${size} bytes`)
    const encrypter = new Encrypter()
    encrypter.addRecipient(recipient)
    assert.ok((await open(await encrypter.encrypt(plain))).equals(plain), `${size} bytes of the library`)
  }
})

test('several recipients: each opens it, another does not', async () => {
  const other = await generateX25519Identity()
  const sealed = await pass(Buffer.from('water'), await encryptor([recipient, await identityToRecipient(other)]))
  assert.is((await open(sealed)).toString(), 'water')
  assert.is((await open(sealed, other)).toString(), 'water')
  assert.is(await refusal(open(sealed, await generateX25519Identity())), 'IDENTITY_MISMATCH')
  assert.is(await refusal(encryptor([])), 'NO_RECIPIENTS')
})

test('post-quantum recipients', async () => {
  const plain = randomBytes(chunk + 3)
  assert.ok((await open(await pass(plain, await encryptor([hybridRecipient])), hybrid)).equals(plain))
})

testIf(has('age') && has('age-keygen'), 'age is not installed')(
  'the age program reads what aqua writes and the other way round',
  async () => {
    const keys = path.join(folder, 'age-keygen.txt')
    through(['age-keygen', '-o', keys], Buffer.alloc(0))
    const [key] = await readIdentities(keys)
    assert.ok(key)
    const its = through(['age-keygen', '-y', keys], Buffer.alloc(0)).toString().trim()
    assert.is(its, await identityToRecipient(key.reveal()))
    const ours = file('aqua.txt', `${identity}\n`)
    assert.is(through(['age-keygen', '-y', ours], Buffer.alloc(0)).toString().trim(), recipient)
    for (const size of [...sizes, 40 * 1024 * 1024 + 1]) {
      const plain = randomBytes(size)
      const sealed = await pass(plain, await encryptor([recipient, its]))
      assert.ok(through(['age', '-d', '-i', keys], sealed).equals(plain), `age reads ${size} bytes`)
      assert.ok(through(['age', '-d', '-i', ours], sealed).equals(plain), `age reads ${size} bytes by our key`)
      const theirs = through(['age', '-r', its], plain)
      assert.ok((await pass(theirs, await decryptor([key]))).equals(plain), `aqua reads ${size} bytes`)
    }
    const armored = through(['age', '-a', '-r', its], Buffer.from('x'))
    assert.match((await failure(pass(armored, await decryptor([key])))).message, 'armored')
  },
)

test('every cut, every extension, every flipped byte ends in an error', async () => {
  for (const size of [0, 10, chunk, 2 * chunk, 2 * chunk + 10]) {
    const sealed = await pass(randomBytes(size), await encryptor([recipient]))
    const header = sealed.length - size - 16 * Math.max(1, Math.ceil(size / chunk)) - 16
    const cuts = new Set([
      0,
      1,
      header,
      header + 15,
      header + 16,
      sealed.length - 1,
      sealed.length - 16,
      sealed.length - 17,
    ])
    for (let at = header + 16; at < sealed.length; at += chunk + 16) cuts.add(at)
    for (const cut of cuts) if (cut >= 0 && cut < sealed.length) await failure(open(sealed.subarray(0, cut)))
    for (const extra of [1, 16, 17, chunk + 16]) await failure(open(Buffer.concat([sealed, randomBytes(extra)])))
    const places = [...Array(header + 40).keys(), sealed.length - 1, sealed.length - 20].filter(
      (at) => at < sealed.length,
    )
    for (const at of places) {
      const flipped = Buffer.from(sealed)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      await failure(open(flipped))
    }
  }
})

test('recipients: comments and blank lines, each once', async () => {
  assert.equal(await readRecipients(file('r1', `# team\n\n  ${recipient} \r\n${recipient}\n`)), [recipient])
  assert.equal(await readRecipients(file('r2', `${hybridRecipient}\n`)), [hybridRecipient])
})

test('recipients that are refused', async () => {
  const other = recipient.endsWith('q') ? `${recipient.slice(0, -1)}p` : `${recipient.slice(0, -1)}q`
  const cases = {
    NO_RECIPIENTS: '# nobody\n\n',
    RECIPIENTS_MIXED: `${recipient}\n${hybridRecipient}\n`,
    SECRET_IN_RECIPIENTS: `${identity}\n`,
    RECIPIENT_UNUSABLE: `${other}\n`,
  }
  for (const [code, text] of Object.entries(cases)) assert.is(await refusal(readRecipients(file('bad', text))), code)
  for (const line of ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me', 'age1yubikey1qqq', 'not a key', 'age1'])
    assert.is(await refusal(readRecipients(file('bad', `${line}\n`))), 'RECIPIENT_UNUSABLE', line)
  assert.is(await refusal(readRecipients(path.join(folder, 'none'))), 'RECIPIENTS_UNREADABLE')
  const error = await failure(readRecipients(file('bad', `${identity}\n`)))
  assert.not.match(JSON.stringify(error, Object.getOwnPropertyNames(error)), identity)
})

test('identities: what is refused, and a warning when others may read them', async () => {
  const warned: string[] = []
  assert.equal(
    (await readIdentities(file('i1', `# x\n${identity}\n`), (text) => warned.push(text))).map((key) => key.reveal()),
    [identity],
  )
  assert.is(warned.length, 0)
  await readIdentities(file('i2', `${identity}\n${hybrid}\n`, 0o644), (text) => warned.push(text))
  assert.is(warned.length, 1)
  assert.is(await refusal(readIdentities(path.join(folder, 'none'))), 'IDENTITY_UNREADABLE')
  for (const text of ['', '# nothing\n', `${identity}x\n`, `${recipient}\n`, 'age-encryption.org/v1\n'])
    assert.is(await refusal(readIdentities(file('i3', text))), 'IDENTITY_UNUSABLE', text)
  const error = await failure(readIdentities(file('i4', `${identity.slice(0, -1)}\n`)))
  assert.not.match(JSON.stringify(error, Object.getOwnPropertyNames(error)), identity.slice(20, 50))
})

test('keygen: the pair fits, the file is its owner’s, nothing is overwritten', async () => {
  const at = new Date('2026-11-23T20:05:12Z')
  const files = { identity: path.join(folder, 'new.txt'), recipients: path.join(folder, 'new-recipients.txt') }
  const made = await makeKey(files, false, at)
  assert.is(fs.statSync(files.identity).mode & 0o777, 0o600)
  assert.equal(await readRecipients(files.recipients), [made])
  const [secret] = await readIdentities(files.identity)
  const sealed = await pass(Buffer.from('water'), await encryptor([made]))
  assert.is((await open(sealed, secret?.reveal())).toString(), 'water')
  const before = fs.readFileSync(files.identity)
  assert.is(await refusal(makeKey(files, false, at)), 'IDENTITY_EXISTS')
  assert.ok(fs.readFileSync(files.identity).equals(before))
  assert.equal(await readRecipients(files.recipients), [made])
  fs.writeFileSync(files.recipients, `# team\n${made}`)
  const second = await makeKey({ ...files, identity: path.join(folder, 'second.txt') }, false, at)
  assert.equal(await readRecipients(files.recipients), [made, second])
  const quantum = { ...files, identity: path.join(folder, 'third.txt') }
  assert.is(await refusal(makeKey(quantum, true, at)), 'RECIPIENTS_MIXED')
  assert.not(fs.existsSync(quantum.identity))
  assert.match(await makeKey({ ...quantum, recipients: undefined }, true, at), /^age1pq1/)
  assert.is(
    await refusal(makeKey({ ...files, identity: path.join(folder, 'no', 'where') }, false, at)),
    'IDENTITY_UNWRITABLE',
  )
})

test.run()
