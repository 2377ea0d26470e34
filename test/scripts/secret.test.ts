import { inspect } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Redactor, Secret, unwrap } from '../../scripts/secret.ts'

test('nothing that prints a secret shows it', () => {
  const secret = new Secret('hunter2hunter2')
  const shown = [
    `${secret}`,
    String(secret),
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ deep: [secret] }, { depth: 9, showHidden: true }),
    Object.keys(secret).join(),
  ].join('\n')
  assert.not.match(shown, 'hunter2')
  assert.is(unwrap(secret), 'hunter2hunter2')
  assert.is(unwrap('plain'), 'plain')
})

test('every occurrence is replaced, also beside each other and with characters of regular expressions', () => {
  const redactor = new Redactor()
  redactor.add(new Secret('pa$$.*word'))
  assert.is(redactor.clean('pa$$.*wordpa$$.*word paXXXword'), '[redacted][redacted] paXXXword')
})

test('the longer of two is replaced whole, whichever came first', () => {
  for (const order of [
    ['abcdef', 'abcdefghij'],
    ['abcdefghij', 'abcdef'],
  ]) {
    const redactor = new Redactor()
    for (const value of order) redactor.add(value)
    assert.is(redactor.clean('x abcdefghij y abcdef z'), 'x [redacted] y [redacted] z')
  }
})

test('a line of a longer secret is one too; short words are left alone', () => {
  const redactor = new Redactor()
  redactor.add('-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nok\n-----END KEY-----')
  redactor.add('dev')
  assert.is(redactor.clean('dev: MIIEvQIBADANBgkq ok'), 'dev: [redacted] ok')
})

test.run()
