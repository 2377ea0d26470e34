import { spawnSync } from 'node:child_process'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { calendar, daily, next, parseCron } from '../../backup/schedule/cron.ts'
import { isAquaError } from '../../scripts/error.ts'

const from = new Date('2026-11-23T12:00:00Z')
const following = (text: string, count = 3, after = from) => {
  const found: string[] = []
  for (let at: Date | undefined = after; found.length < count; ) {
    at = next(parseCron(text), at as Date, 'utc')
    found.push(at?.toISOString().slice(0, 16) ?? 'never')
  }
  return found
}

test('the moments that follow', () => {
  assert.equal(following('17 2 * * *'), ['2026-11-24T02:17', '2026-11-25T02:17', '2026-11-26T02:17'])
  assert.equal(following('*/20 12 * * *'), ['2026-11-23T12:20', '2026-11-23T12:40', '2026-11-24T12:00'])
  assert.equal(following('0 12 * * *', 1), ['2026-11-24T12:00'], 'after means after')
  assert.equal(following('5 4 * * sun'), ['2026-11-29T04:05', '2026-12-06T04:05', '2026-12-13T04:05'])
  assert.equal(following('5 4 * * 7'), following('5 4 * * 0'))
  assert.equal(following('0 0 1 jan,JUL *'), ['2027-01-01T00:00', '2027-07-01T00:00', '2028-01-01T00:00'])
  assert.equal(following('0 0 29 2 *', 2), ['2028-02-29T00:00', '2032-02-29T00:00'])
  assert.equal(following('0 9-17/4 * * 1-5', 4), [
    '2026-11-23T13:00',
    '2026-11-23T17:00',
    '2026-11-24T09:00',
    '2026-11-24T13:00',
  ])
  // Both restricted: either is enough.
  assert.equal(following('0 0 1 * mon', 3), ['2026-11-30T00:00', '2026-12-01T00:00', '2026-12-07T00:00'])
  assert.equal(following(daily('2:05'), 1), ['2026-11-24T02:05'])
})

test('what cannot be read or never comes is refused', () => {
  for (const text of [
    '',
    '* * * *',
    '* * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '5/2 * * * *',
    '*/0 * * * *',
    '9-5 * * * *',
    '1,,2 * * * *',
    'x * * * *',
    '0 0 30 2 *',
    '1-2-3 * * * *',
    '* * * * funday',
  ])
    assert.throws(
      () => parseCron(text),
      (error: unknown) => isAquaError(error) && error.exitCode === 2,
      text,
    )
  for (const at of ['24:00', '2', '02:60', '2:5']) assert.throws(() => daily(at))
})

const noSystemd =
  spawnSync('systemd-analyze', ['--version']).status === 0 ? undefined : 'systemd-analyze is not installed'
const ofSystemd = noSystemd ? ((() => test.skip(noSystemd, noSystemd as never)) as unknown as typeof test) : test

ofSystemd('systemd understands the same moments', () => {
  for (const text of [
    '17 2 * * *',
    '*/20 12 * * *',
    '5 4 * * sun,wed',
    '0 0 1 jan,jul *',
    '0 9-17/4 * * 1-5',
    '0 0 29 2 *',
    '0 0 1 * mon',
    '0 0 */10 * 1-3',
  ]) {
    const moments = calendar(parseCron(text)).flatMap((line) => {
      const args = ['calendar', '--iterations=4', '--base-time=2026-11-23 12:00:00 UTC', `${line} UTC`]
      const { status, stdout, stderr } = spawnSync('systemd-analyze', args, {
        encoding: 'utf8',
        env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' },
      })
      assert.is(status, 0, `${text}: ${line}: ${stderr}`)
      const days = [...stdout.matchAll(/(?:Next elapse|Iter(?:ation|\.) #\d+): \w{3} (\d{4}-\d\d-\d\d) (\d\d:\d\d)/g)]
      return days.map(([, day, time]) => `${day}T${time}`)
    })
    assert.ok(moments.length >= 4, text)
    const both = [...new Set(moments)].sort().slice(0, 3)
    assert.equal(both, following(text, 3), text)
  }
})

test.run()
