import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { counted, formatPolicy, type Policy, parsePolicy } from '../../backup/keep.ts'
import { type Candidate, decide } from '../../backup/retention.ts'
import { isAquaError } from '../../scripts/error.ts'

const now = new Date('2026-11-23T12:00:00Z')
const day = 86_400_000

/** restic's rules for complete sets of the past, by other means: calendar texts, maps, sorting. The ids that stay. */
function reference(all: readonly Candidate[], policy: Policy): Set<string> {
  const stays = new Set<string>()
  const good = all.filter((set) => set.state === 'complete' && set.takenAt.getTime() <= now.getTime())
  const isoWeek = (at: Date) => {
    const thursday = new Date(at.getTime() + (4 - (at.getUTCDay() || 7)) * day)
    const first = Date.UTC(thursday.getUTCFullYear(), 0, 1)
    return `${thursday.getUTCFullYear()}-W${String(1 + Math.floor((thursday.getTime() - first) / day / 7)).padStart(2, '0')}`
  }
  const keys: Record<string, (set: Candidate) => string> = {
    last: (set) => `${set.takenAt.toISOString()} ${set.id}`,
    daily: (set) => set.takenAt.toISOString().slice(0, 10),
    weekly: (set) => isoWeek(set.takenAt),
    monthly: (set) => set.takenAt.toISOString().slice(0, 7),
    yearly: (set) => set.takenAt.toISOString().slice(0, 4),
  }
  const order = (set: Candidate) => `${set.takenAt.toISOString()} ${set.id}`
  for (const environment of new Set(good.map((set) => set.environment))) {
    const own = good.filter((set) => set.environment === environment)
    const subjectsOf = (set: Candidate) => (set.subjects.length === 0 ? ['none'] : set.subjects)
    for (const subject of new Set(own.flatMap(subjectsOf))) {
      const sets = own.filter((set) => subjectsOf(set).includes(subject)).sort((a, b) => (order(a) < order(b) ? -1 : 1))
      stays.add(sets.at(-1)?.id ?? '')
      for (const [rule, key] of Object.entries(keys)) {
        const wanted = policy[rule as 'last']
        const newestOf = new Map(sets.map((set) => [key(set), set.id]))
        const buckets = [...newestOf.keys()].sort().reverse()
        for (const bucket of buckets.slice(0, wanted)) stays.add(newestOf.get(bucket) ?? '')
        if (buckets.length < wanted) stays.add(sets[0]?.id ?? '')
      }
    }
    if (policy.within) {
      const newest = new Date(Math.max(...own.map((set) => set.takenAt.getTime())))
      const { years, months, days, hours } = policy.within
      const since = Date.UTC(
        newest.getUTCFullYear() - years,
        newest.getUTCMonth() - months,
        newest.getUTCDate() - days,
        newest.getUTCHours() - hours,
        newest.getUTCMinutes(),
        newest.getUTCSeconds(),
      )
      for (const set of own) if (set.takenAt.getTime() > since) stays.add(set.id)
    }
    for (const set of own) if (set.label) stays.add(set.id)
  }
  return stays
}

let serial = 0
const set = (at: string, rest: Partial<Candidate> = {}): Candidate => {
  serial += 1
  return {
    id: `s${serial}`,
    takenAt: new Date(at),
    environment: 'dev',
    state: 'complete',
    subjects: ['schema:user'],
    ...rest,
  }
}
const kept = (sets: readonly Candidate[], policy: string | Policy) =>
  decide(sets, typeof policy === 'string' ? parsePolicy(policy) : policy, now).filter(({ keep }) => keep)
const reasonsOf = (sets: readonly Candidate[], policy: string) =>
  decide(sets, parsePolicy(policy), now).map(({ set: { takenAt }, reason }) => [
    takenAt.toISOString().slice(0, 16),
    reason,
  ])

test('every day for half a year: 7 days, 4 weeks, 3 months, each by its newest set', () => {
  const nightly = Array.from({ length: 180 }, (_, i) =>
    set(new Date(Date.UTC(2026, 10, 23, 2, 17) - i * day).toISOString()),
  )
  const found = reasonsOf(nightly, 'daily=7,weekly=4,monthly=3').filter(([, reason]) => !reason?.startsWith('removed'))
  assert.equal(found, [
    ['2026-11-23T02:17', 'daily-1,weekly-1,monthly-1'],
    ['2026-11-22T02:17', 'daily-2,weekly-2'],
    ['2026-11-21T02:17', 'daily-3'],
    ['2026-11-20T02:17', 'daily-4'],
    ['2026-11-19T02:17', 'daily-5'],
    ['2026-11-18T02:17', 'daily-6'],
    ['2026-11-17T02:17', 'daily-7'],
    ['2026-11-15T02:17', 'weekly-3'],
    ['2026-11-08T02:17', 'weekly-4'],
    ['2026-10-31T02:17', 'monthly-2'],
    ['2026-09-30T02:17', 'monthly-3'],
  ])
})

test('days without a set do not use a rule up; the oldest stays while a rule has some left', () => {
  const sets = [set('2026-11-20T10:00Z'), set('2026-11-20T09:00Z'), set('2026-03-01T08:00Z'), set('2026-03-01T07:00Z')]
  assert.equal(
    reasonsOf(sets, 'daily=3').map(([, reason]) => reason),
    ['daily-1', 'removed: beyond daily=3', 'daily-2', 'daily-3'],
  )
  assert.equal(
    reasonsOf(sets, 'daily=2').map(([, reason]) => reason),
    ['daily-1', 'removed: beyond daily=2', 'daily-2', 'removed: beyond daily=2'],
  )
})

test('the ISO week belongs to the year of its Thursday, a bucket ends at midnight in UTC', () => {
  const sets = [
    set('2026-01-04T23:59:59Z'),
    set('2026-01-01T00:00Z'),
    set('2025-12-29T00:00Z'),
    set('2025-12-28T23:59:59Z'),
  ]
  assert.equal(
    reasonsOf(sets, 'weekly=2').map(([, reason]) => reason),
    ['weekly-1', 'removed: beyond weekly=2', 'removed: beyond weekly=2', 'weekly-2'],
  )
  assert.equal(
    kept(sets, 'yearly=1').map(({ set: one }) => one.takenAt.toISOString()),
    ['2026-01-04T23:59:59.000Z'],
  )
})

test('within reckons from the newest set, on the calendar', () => {
  const sets = ['2026-08-31T00:00:00Z', '2026-03-03T00:00:01Z', '2026-03-03T00:00:00Z'].map((at) => set(at))
  // Six months before the 31st of August is the 31st of February, which is the 3rd of March.
  assert.equal(
    reasonsOf(sets, 'within=6m').map(([, reason]) => reason),
    ['within 6m', 'within 6m', 'removed: beyond within=6m'],
  )
  assert.is(kept(sets, 'within=1h').length, 1)
})

test('a set of one schema takes no place of a whole one', () => {
  const both = ['schema:user', 'schema:event']
  const sets = [
    set('2026-11-23T10:00Z'),
    set('2026-11-23T02:17Z', { subjects: both }),
    set('2026-11-22T10:00Z'),
    set('2026-11-22T02:17Z', { subjects: both }),
    set('2026-11-21T02:17Z', { subjects: both }),
  ]
  assert.equal(
    reasonsOf(sets, 'daily=2').map(([, reason]) => reason),
    ['daily-1', 'daily-1', 'daily-2', 'daily-2', 'removed: beyond daily=2'],
  )
})

test('labels, the future, damage, old style and unfinished work', () => {
  const sets = [
    set('2027-05-01T00:00Z'),
    set('2026-11-23T02:17Z'),
    set('2026-11-23T02:00Z', { state: 'unfinished' }),
    set('2026-11-21T02:17Z', { label: 'before-2.0' }),
    set('2026-11-20T02:17Z', { state: 'unfinished' }),
    set('2026-11-19T02:17Z', { state: 'damaged' }),
    set('2026-11-18T02:17Z', { state: 'old-style' }),
    set('2026-11-17T02:17Z'),
  ]
  assert.equal(
    reasonsOf(sets, 'last=1').map(([, reason]) => reason),
    [
      'from the future',
      'last-1',
      'unfinished, younger than a day',
      'label before-2.0',
      'removed: unfinished',
      'damaged',
      'old-style',
      'removed: beyond last=1',
    ],
  )
})

const instant = fc.oneof(
  // Close together, so that buckets meet; and far apart, over years and their ends.
  fc.integer({ min: now.getTime() - 20 * day, max: now.getTime() + day }),
  fc.integer({ min: Date.UTC(2022, 11, 20), max: now.getTime() }),
)
const candidate = fc.record({
  takenAt: instant.map((at) => new Date(Math.floor(at / 1000) * 1000)),
  environment: fc.constantFrom('dev', 'stage', 'prod'),
  state: fc.constantFrom<Candidate['state']>(
    'complete',
    'complete',
    'complete',
    'complete',
    'unfinished',
    'damaged',
    'old-style',
  ),
  subjects: fc.constantFrom(
    ['schema:user', 'schema:event'],
    ['schema:user', 'schema:event'],
    ['schema:user'],
    ['bucket:media', 'schema:user'],
    [],
  ),
  label: fc.constantFrom(undefined, undefined, undefined, undefined, undefined, 'kept'),
})
const inventory = fc
  .array(candidate, { maxLength: 24 })
  .map((list): Candidate[] => list.map((one, i) => ({ ...one, id: `s${i}` })))
const number = fc.constantFrom(0, 0, 1, 2, 3, 7)
const policies = fc
  .record({
    last: number,
    daily: number,
    weekly: number,
    monthly: number,
    yearly: number,
    within: fc.option(fc.record({ years: fc.nat(1), months: fc.nat(7), days: fc.nat(40), hours: fc.nat(30) }), {
      nil: undefined,
    }),
  })
  .map(({ within, ...counts }): Policy => (within ? { ...counts, within } : counts))
  .filter((policy) => formatPolicy(policy) !== '' && formatPolicy(policy) !== 'within=0h')

const ids = (sets: readonly { set: Candidate }[]) => sets.map(({ set: { id } }) => id).sort()
const runs = 15_000
let cases = 0
function property<A, B>(a: fc.Arbitrary<A>, b: fc.Arbitrary<B>, holds: (a: A, b: B) => boolean) {
  fc.assert(
    fc.property(a, b, (first, second) => {
      cases += 1
      return holds(first, second)
    }),
    { numRuns: runs },
  )
}

test('property: what is kept and what is removed are the input, and apart', () => {
  property(inventory, policies, (sets, policy) => {
    const found = decide(sets, policy, now)
    const split = [...found.filter(({ keep }) => keep), ...found.filter(({ keep }) => !keep)]
    const apart = found.every(({ keep, reason }) => keep !== reason.startsWith('removed: '))
    return apart && found.length === sets.length && new Set(split.map((one) => one.set)).size === sets.length
  })
})

test('property: the newest good set of every schema, and every labelled one, stays', () => {
  property(inventory, policies, (sets, policy) => {
    const stays = new Set(kept(sets, policy).map((one) => one.set))
    const good = sets.filter(({ state, takenAt }) => state === 'complete' && takenAt <= now)
    return good.every((one) => {
      if (stays.has(one)) return true
      const newer = (subject: string) =>
        good.some(
          (other) =>
            other.environment === one.environment &&
            other.subjects.includes(subject) &&
            other.takenAt >= one.takenAt &&
            stays.has(other),
        )
      return !one.label && (one.subjects.length === 0 || one.subjects.every(newer))
    })
  })
})

test('property: pruning what was kept removes nothing', () => {
  property(inventory, policies, (sets, policy) => {
    const once = kept(sets, policy)
    return (
      kept(
        once.map((one) => one.set),
        policy,
      ).length === once.length
    )
  })
})

test('property: the sets of one environment change nothing for another', () => {
  property(inventory, policies, (sets, policy) => {
    const together = kept(sets, policy).filter((one) => one.set.environment === 'dev')
    const alone = kept(
      sets.filter(({ environment }) => environment === 'dev'),
      policy,
    )
    return `${ids(together)}` === `${ids(alone)}`
  })
})

const none = { years: 0, months: 0, days: 0, hours: 0 }
test('property: a larger policy keeps no less', () => {
  property(inventory, fc.tuple(policies, policies), (sets, [policy, more]) => {
    const counts = Object.fromEntries(counted.map((rule) => [rule, policy[rule] + more[rule]]))
    const { within = none } = more
    const longer = policy.within && {
      years: policy.within.years + within.years,
      months: policy.within.months + within.months,
      days: policy.within.days + within.days,
      hours: policy.within.hours + within.hours,
    }
    const sum = { ...policy, ...counts, ...(longer ? { within: longer } : {}) }
    const larger = new Set(ids(kept(sets, sum)))
    return ids(kept(sets, policy)).every((id) => larger.has(id))
  })
})

test('property: the order in which sets are listed has no influence', () => {
  property(
    inventory.chain((sets) => fc.tuple(fc.constant(sets), fc.shuffledSubarray(sets, { minLength: sets.length }))),
    policies,
    ([sets, shuffled], policy) => {
      const text = (list: readonly Candidate[]) =>
        decide(list, policy, now)
          .map(({ set: { id }, reason }) => `${id} ${reason}`)
          .sort()
          .join('\n')
      return text(sets) === text(shuffled)
    },
  )
})

test('property: the same sets stay as in a plain reading of restic’s rules', () => {
  property(inventory, policies, (sets, policy) => {
    const good = kept(sets, policy).filter(({ set: one }) => one.state === 'complete' && one.takenAt <= now)
    return `${ids(good)}` === `${[...reference(sets, policy)].sort()}`
  })
})

test('property: a policy survives being written down', () => {
  property(
    policies,
    fc.constant(0),
    (policy) => formatPolicy(parsePolicy(formatPolicy(policy))) === formatPolicy(policy),
  )
})

test('the properties held in at least 100,000 cases', () => {
  assert.ok(cases >= 100_000, `${cases}`)
})

test('what to keep is read, or refused with the rule at fault', () => {
  assert.equal(parsePolicy(' daily=7, weekly=4,within=1y6m '), {
    last: 0,
    daily: 7,
    weekly: 4,
    monthly: 0,
    yearly: 0,
    within: { years: 1, months: 6, days: 0, hours: 0 },
  })
  const bad: [string, RegExp][] = [
    ['', /not said/],
    ['daily', /daily is no rule/],
    ['dialy=7', /no rule dialy/],
    ['daily=7,daily=3', /twice/],
    ['daily=-1', /no number/],
    ['daily=7.5', /no number/],
    ['daily=0', /keep nothing/],
    ['daily=0,within=0d', /keep nothing/],
    ['within=14', /no length of time/],
    ['within=', /no rule/],
    ['daily=7,,weekly=4', /not said/],
  ]
  for (const [text, message] of bad)
    assert.throws(
      () => parsePolicy(text),
      (error: unknown) => isAquaError(error) && error.exitCode === 2 && message.test(error.message),
      text,
    )
})

test.run()
