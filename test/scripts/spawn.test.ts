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

test.run()
