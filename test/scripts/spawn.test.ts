import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Secret } from '../../scripts/secret.ts'
import { Children } from '../../scripts/spawn.ts'

const children = new Children({ PATH: process.env.PATH })

test('standard input is closed, also when there is nothing to write', async () => {
  for (const [input, read] of [
    [undefined, ''],
    ['', ''],
    [new Secret(''), ''],
    ['text', 'text'],
    [new Secret('secret'), 'secret'],
  ] as const) {
    const { code, stdout } = await children.run(['cat'], { input, timeoutMs: 5000 })
    assert.equal([code, stdout], [0, read], `${input}`)
  }
})

test('a signal between the call and the start: nothing starts, except to clean up', async () => {
  const mine = new Children({ PATH: process.env.PATH })
  const late = mine.run(['echo', 'started'], {})
  mine.signal('SIGINT')
  assert.equal(await late, { code: null, stdout: '', stderr: '' })
  mine.closing = true
  assert.is((await mine.run(['echo', 'cleaning'], {})).stdout, 'cleaning\n')
})

test.run()
