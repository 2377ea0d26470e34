import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { distance, nearest } from '../../scripts/suggest.ts'

test('a transposition counts once', () => {
  assert.is(distance('pf', 'fp'), 1)
  assert.is(distance('bakcup', 'backup'), 1)
  assert.is(distance('', 'abc'), 3)
})

test('a near name is found, a far one is not', () => {
  assert.is(nearest('upp-dev', ['up-dev', 'down', 'logs']), 'up-dev')
  assert.is(nearest('zzzz', ['up-dev', 'down', 'logs']), undefined)
})

test.run()
