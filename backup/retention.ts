import { type Counted, counted, formatPeriod, formatPolicy, type Period, type Policy } from './keep.ts'

/** What a decision looks at. Times are those of the manifests, never those of the files. */
export interface Candidate {
  id: string
  takenAt: Date
  environment: string
  /** unfinished: no manifest; damaged: a manifest that its files do not match. */
  state: 'complete' | 'unfinished' | 'damaged' | 'old-style'
  /** Schemas and buckets in the set, e.g. `schema:user`. */
  subjects: readonly string[]
  label?: string | undefined
}

export interface Decision<T> {
  set: T
  keep: boolean
  /** `daily-1,weekly-1`, or `removed: …` */
  reason: string
}

/** Unfinished work this young may belong to a run on another machine that shares the store. */
const unfinishedAfterMs = 24 * 3_600_000

/** Which of its calendar's buckets a moment falls into, in UTC. ISO weeks begin on Monday; day 0 of 1970 was a Thursday. */
const bucketOf: Record<Counted, (at: Date, nth: number) => number> = {
  last: (_, nth) => nth,
  daily: (at) => dayOf(at),
  weekly: (at) => Math.floor((dayOf(at) + 3) / 7),
  monthly: (at) => at.getUTCFullYear() * 12 + at.getUTCMonth(),
  yearly: (at) => at.getUTCFullYear(),
}

function dayOf(at: Date): number {
  return Math.floor(at.getTime() / 86_400_000)
}

/**
 * What stays and what goes, with restic's meaning of the rules (`restic forget`): going back in time, the newest set of each
 * of the newest n buckets that have one; the oldest set too while a rule has some of its n left; `within` reckons from the
 * newest set, not from today. In this house:
 * - Each schema and bucket has its own count, as restic's groups have: a set of one schema alone, such as a safety set, never
 *   takes the place of a whole one.
 * - The newest complete set of each schema and bucket stays whatever the rules say, and so does a set with a label.
 * - A set from the future (a clock is wrong) stays and counts for nothing, so that it pushes nothing out.
 * - Damaged and old-style sets stay: that is for a person to judge. Unfinished ones go after a day.
 * Environments do not see each other. The order of `sets` has no influence; the answer is in that order.
 */
export function decide<T extends Candidate>(sets: readonly T[], policy: Policy, now: Date): Decision<T>[] {
  const reasons = new Map<T, string[]>()
  const good = sets.filter(({ state, takenAt }) => state === 'complete' && takenAt <= now)
  for (const environment of new Set(good.map((set) => set.environment)))
    keepOf(good.filter((set) => set.environment === environment).sort(newestFirst), policy, reasons)
  const gone = `removed: beyond ${formatPolicy(policy)}`
  return sets.map((set) => {
    const known = reasons.get(set) ?? []
    if (set.state !== 'complete') return { set, ...withoutRules(set, now) }
    if (set.takenAt > now) return { set, keep: true, reason: 'from the future' }
    return known.length > 0 ? { set, keep: true, reason: known.join(',') } : { set, keep: false, reason: gone }
  })
}

function withoutRules(set: Candidate, now: Date): { keep: boolean; reason: string } {
  if (set.state !== 'unfinished') return { keep: true, reason: set.state }
  const old = now.getTime() - set.takenAt.getTime() > unfinishedAfterMs
  return old ? { keep: false, reason: 'removed: unfinished' } : { keep: true, reason: 'unfinished, younger than a day' }
}

function newestFirst(a: Candidate, b: Candidate): number {
  return b.takenAt.getTime() - a.takenAt.getTime() || (a.id < b.id ? 1 : -1)
}

/** The reasons to keep the sets of one environment, newest first. */
function keepOf<T extends Candidate>(sets: readonly T[], policy: Policy, reasons: Map<T, string[]>): void {
  const bySubject = new Map<string, T[]>()
  // A set of nothing but roles counts among its like.
  for (const set of sets)
    for (const subject of set.subjects.length > 0 ? new Set(set.subjects) : ['roles'])
      bySubject.set(subject, [...(bySubject.get(subject) ?? []), set])
  const ranks = new Map<T, Map<Counted, number>>()
  for (const own of bySubject.values()) {
    for (const rule of counted)
      for (const [set, rank] of ranked(own, rule, policy[rule])) {
        const known = ranks.get(set) ?? new Map<Counted, number>()
        ranks.set(set, known.set(rule, Math.min(rank, known.get(rule) ?? rank)))
      }
  }
  const newest = new Set([...bySubject.values()].map(([first]) => first))
  const since = policy.within && sets[0] ? before(sets[0].takenAt, policy.within) : undefined
  for (const set of sets) {
    const found = counted.flatMap((rule) => {
      const rank = ranks.get(set)?.get(rule)
      return rank === undefined ? [] : [`${rule}-${rank}`]
    })
    if (since && policy.within && set.takenAt > since) found.push(`within ${formatPeriod(policy.within)}`)
    if (set.label) found.push(`label ${set.label}`)
    if (found.length === 0 && newest.has(set)) found.push('newest')
    if (found.length > 0) reasons.set(set, found)
  }
}

/** The sets that one rule keeps, with which of its buckets they stand for, from 1. */
function ranked<T extends Candidate>(sets: readonly T[], rule: Counted, count: number): Map<T, number> {
  const found = new Map<T, number>()
  let previous: number | undefined
  for (const [nth, set] of sets.entries()) {
    if (found.size === count) break
    const bucket = bucketOf[rule](set.takenAt, nth)
    if (bucket !== previous || nth === sets.length - 1) found.set(set, found.size + 1)
    previous = bucket
  }
  return found
}

/** A calendar period earlier; days that a month does not have run over into the next, as in Go's AddDate. */
function before(at: Date, { years, months, days, hours }: Period): Date {
  const found = new Date(at)
  found.setUTCFullYear(at.getUTCFullYear() - years, at.getUTCMonth() - months, at.getUTCDate() - days)
  found.setUTCHours(found.getUTCHours() - hours)
  return found
}
