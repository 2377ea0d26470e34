import { AquaError } from '../scripts/error.ts'
import { nearest } from '../scripts/suggest.ts'

/** The rules that count buckets: how many of the newest sets, days, ISO weeks, months, years keep their newest set. */
export const counted = ['last', 'daily', 'weekly', 'monthly', 'yearly'] as const
export type Counted = (typeof counted)[number]

/** A length of time on the calendar, as restic writes it: `1y6m14d12h`. */
export interface Period {
  years: number
  months: number
  days: number
  hours: number
}

/** Which sets to keep. Rules add up: a set stays when one of them wants it. */
export type Policy = Readonly<Record<Counted, number>> & { readonly within?: Period }

const example = 'daily=7,weekly=4,monthly=3'

function refuse(message: string, hint = `for example ${example}`): AquaError {
  return new AquaError('KEEP', message, { exit: 'usage', hint })
}

/** Read `daily=7,weekly=4,monthly=3,last=2,yearly=1,within=14d`. A rule that is not named keeps nothing by itself. */
export function parsePolicy(text: string): Policy {
  const found = new Map<string, string>()
  for (const part of text.split(',').map((piece) => piece.trim())) {
    const [, name = '', value = ''] = /^([a-z]+)\s*=\s*(\S+)$/.exec(part) ?? []
    if (!name) throw refuse(part ? `${part} is no rule of what to keep` : 'what to keep is not said')
    const known = [...counted, 'within']
    if (!known.includes(name)) {
      const close = nearest(name, known)
      throw refuse(`there is no rule ${name} of what to keep`, close ? `did you mean ${close}?` : known.join(', '))
    }
    if (found.has(name)) throw refuse(`the rule ${name} is there twice`)
    found.set(name, value)
  }
  const count = (name: Counted): number => {
    const value = found.get(name) ?? '0'
    if (!/^\d{1,6}$/.test(value)) throw refuse(`${name}=${value} is no number of sets`)
    return Number(value)
  }
  const counts = Object.fromEntries(counted.map((name) => [name, count(name)])) as Record<Counted, number>
  const within = found.get('within')
  return keepsSomething(within === undefined ? counts : { ...counts, within: parsePeriod(within) })
}

/** A policy that keeps nothing is a mistake, never a wish. */
function keepsSomething(policy: Policy): Policy {
  const period = policy.within ? Object.values(policy.within) : []
  if ([...counted.map((name) => policy[name]), ...period].some((value) => value > 0)) return policy
  throw refuse('these rules keep nothing', `give at least one above 0, for example ${example}`)
}

function parsePeriod(text: string): Period {
  const [whole, years, months, days, hours] =
    /^(?:(\d{1,5})y)?(?:(\d{1,5})m)?(?:(\d{1,5})d)?(?:(\d{1,5})h)?$/.exec(text) ?? []
  if (!whole) throw refuse(`within=${text} is no length of time`, 'for example 14d, 6m or 1y6m')
  return { years: Number(years ?? 0), months: Number(months ?? 0), days: Number(days ?? 0), hours: Number(hours ?? 0) }
}

/** The same text again, in one order: `parsePolicy(formatPolicy(p))` is `p`. */
export function formatPolicy(policy: Policy): string {
  const counts = counted.filter((name) => policy[name] > 0).map((name) => `${name}=${policy[name]}`)
  return [...counts, ...(policy.within ? [`within=${formatPeriod(policy.within)}`] : [])].join(',')
}

export function formatPeriod({ years, months, days, hours }: Period): string {
  const parts = [
    [years, 'y'],
    [months, 'm'],
    [days, 'd'],
    [hours, 'h'],
  ] as const
  return parts.map(([value, unit]) => (value > 0 ? `${value}${unit}` : '')).join('') || '0h'
}
