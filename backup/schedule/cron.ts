import { AquaError } from '../../scripts/error.ts'

/** A cron expression of five fields, each as the values it allows. */
export interface Cron {
  text: string
  minutes: readonly number[]
  hours: readonly number[]
  days: readonly number[]
  months: readonly number[]
  /** 0 is Sunday. */
  weekdays: readonly number[]
  /** Days and weekdays are both restricted: then one of the two is enough, as crontab(5) has it. */
  either: boolean
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

function refuse(message: string): AquaError {
  return new AquaError('CRON', message, {
    exit: 'usage',
    hint: "minute hour day month weekday, for example '17 2 * * *' for every night at 02:17",
  })
}

/** Read `17 2 * * 1-5`: numbers, names of months and weekdays, `*`, ranges, lists and steps. */
export function parseCron(text: string): Cron {
  const fields = text.trim().split(/\s+/)
  if (fields.length !== 5) throw refuse(`'${text}' is no cron expression of five fields`)
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields
  const cron: Cron = {
    text: fields.join(' '),
    minutes: values(minute, 0, 59),
    hours: values(hour, 0, 23),
    days: values(day, 1, 31),
    months: values(month, 1, 12, monthNames),
    weekdays: [...new Set(values(weekday, 0, 7, weekdayNames, 0).map((value) => value % 7))].sort(),
    either: !day.startsWith('*') && !weekday.startsWith('*'),
  }
  if (!next(cron, new Date(0), 'utc')) throw refuse(`'${text}' names no moment that ever comes`)
  return cron
}

/** `02:17` every day, as a cron expression. */
export function daily(at: string): string {
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(at) ?? []
  if (hour && minute) return `${Number(minute)} ${Number(hour)} * * *`
  throw new AquaError('USAGE', `${at} is no time of day`, { exit: 'usage', hint: "--at '02:17'" })
}

function values(field: string, least: number, most: number, names: readonly string[] = [], base = 1): number[] {
  const found = new Set<number>()
  const number = (text: string): number => {
    const named = names.indexOf(text.toLowerCase())
    const value = named >= 0 ? named + base : /^\d{1,2}$/.test(text) ? Number(text) : -1
    if (value < least || value > most) throw refuse(`${text || 'nothing'} is not from ${least} to ${most}`)
    return value
  }
  for (const part of field.split(',')) {
    const [range = '', step, ...rest] = part.split('/')
    const [first = '', last, ...more] = range.split('-')
    const by = step === undefined ? 1 : /^[1-9]\d?$/.test(step) ? Number(step) : 0
    if (by === 0 || rest.length > 0 || more.length > 0) throw refuse(`'${part}' cannot be read`)
    if (step !== undefined && range !== '*' && last === undefined) throw refuse(`'${part}': a step needs a range or *`)
    const from = range === '*' ? least : number(first)
    const to = range === '*' ? most : number(last ?? first)
    if (to < from) throw refuse(`'${part}' ends before it begins`)
    for (let value = from; value <= to; value += by) found.add(value)
  }
  return [...found].sort((a, b) => a - b)
}

function matches(cron: Cron, month: number, day: number, weekday: number): boolean {
  if (!cron.months.includes(month)) return false
  const byDay = cron.days.includes(day)
  const byWeekday = cron.weekdays.includes(weekday)
  return cron.either ? byDay || byWeekday : byDay && byWeekday
}

/** The 29th of February on a given weekday comes within 40 years; beyond them it never does. */
const searchedDays = 41 * 366

/** The first moment after `after`; undefined when there is none. */
export function next(cron: Cron, after: Date, zone: 'utc' | 'local'): Date | undefined {
  const utc = zone === 'utc'
  const [year, month, day] = utc
    ? [after.getUTCFullYear(), after.getUTCMonth(), after.getUTCDate()]
    : [after.getFullYear(), after.getMonth(), after.getDate()]
  for (let i = 0; i < searchedDays; i++) {
    const date = new Date(Date.UTC(year, month, day + i))
    if (!matches(cron, date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCDay())) continue
    for (const hour of cron.hours)
      for (const minute of cron.minutes) {
        const moment = utc
          ? new Date(Date.UTC(year, month, day + i, hour, minute))
          : new Date(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), hour, minute)
        if (moment > after) return moment
      }
  }
  return undefined
}

/** The same for systemd's OnCalendar, in the machine's time zone: one line, or two where days or weekdays are enough. */
export function calendar(cron: Cron): string[] {
  const list = (found: readonly number[], all: number) =>
    found.length === all ? '*' : found.map((value) => String(value).padStart(2, '0')).join(',')
  const time = `${list(cron.hours, 24)}:${list(cron.minutes, 60)}:00`
  const months = list(cron.months, 12)
  const days = list(cron.days, 31)
  const names = cron.weekdays.map(
    (value) => `${weekdayNames[value]?.[0]?.toUpperCase()}${weekdayNames[value]?.slice(1)}`,
  )
  const weekdays = names.length === 7 ? '' : `${names.join(',')} `
  if (cron.either) return [`*-${months}-${days} ${time}`, `${weekdays}*-${months}-* ${time}`]
  return [`${weekdays}*-${months}-${days} ${time}`]
}
