/** A file of the scripts before aqua: one schema, no manifest. */
export interface OldFile {
  /** What the files of one run have in common: `20261123`, `weekly_2026-48`, `monthly_2026-11`; `….dump` when not gzipped. */
  id: string
  schema: string
  /** The first moment in UTC of the day, ISO week or month in the name: there is nothing more exact. */
  takenAt: Date
}

/**
 * Read a name such as `user_20261123.dump.gz`, `weekly_user_2026-48.dump.gz` (ISO year and week), `monthly_user_2026-11.dump.gz`,
 * or one of them without `.gz`; undefined for anything else. A plain file beside a gzipped one is what an interrupted
 * gzip leaves, so the two are of different sets.
 */
export function oldStyle(name: string): OldFile | undefined {
  const [, base = '', gzipped] = /^([^/]+)\.dump(\.gz)?$/.exec(name) ?? []
  const tail = gzipped ? '' : '.dump'
  const file = (prefix: string, schema: string, stamp: string, takenAt: Date | undefined) =>
    takenAt && { id: `${prefix}${stamp}${tail}`, schema, takenAt }
  const [, period, inPeriod = '', year, number] = /^(weekly|monthly)_(.+)_(\d{4})-(\d\d)$/.exec(base) ?? []
  if (period) {
    const takenAt = period === 'weekly' ? mondayOf(Number(year), Number(number)) : utc(Number(year), Number(number), 1)
    return file(`${period}_`, inPeriod, `${year}-${number}`, takenAt)
  }
  const [, schema = '', day] = /^(.+)_(\d{8})$/.exec(base) ?? []
  if (!day) return undefined
  return file('', schema, day, utc(Number(day.slice(0, 4)), Number(day.slice(4, 6)), Number(day.slice(6))))
}

/** Undefined for what is no date, such as the 31st of April. */
function utc(year: number, month: number, day: number): Date | undefined {
  const date = new Date(Date.UTC(year, month - 1, day))
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date : undefined
}

/** The Monday of an ISO week; week 1 is the one with the 4th of January. */
function mondayOf(year: number, week: number): Date | undefined {
  const fourth = new Date(Date.UTC(year, 0, 4))
  const monday = fourth.getTime() - ((fourth.getUTCDay() + 6) % 7) * 86_400_000
  return week >= 1 && week <= 53 ? new Date(monday + (week - 1) * 7 * 86_400_000) : undefined
}
