import dotenv from 'dotenv'
import { AquaError } from '../scripts/error.ts'

/** One assignment of an env file. */
export interface Entry {
  name: string
  /** Counted from 1; the line of the name when a quoted value spans several. */
  line: number
  value: string
  /** True when `docker compose --env-file` would read another value, or refuse the file. */
  ambiguous: boolean
}

export interface EnvFile {
  entries: readonly Entry[]
  /** Lines that are neither assignment, comment nor blank: dotenv skips them in silence, Compose refuses the file. */
  stray: readonly number[]
}

// Assignment head, at a line's start, as both readers know it; then a quoted value that closes before a line's end.
const head = /[ \t\uFEFF]*(?:export[ \t]+)?([\w.-]+)(?:[ \t]*=|:(?=[ \t]))[ \t]*/y
const quoted = /(?:'(?:\\'|[^'])*'|"(?:\\"|[^"])*"|`(?:\\`|[^`])*`)[ \t\r]*(?:#.*)?$/my
const restOfLine = /[^\n]*/y
// Line breaks for dotenv, ordinary characters for Compose: the rest of such a comment could be an assignment.
const oddBreak = /\r(?!\n|$)|[\u2028\u2029]/

function matchAt(regexp: RegExp, text: string, at: number): RegExpExecArray | null {
  regexp.lastIndex = at
  return regexp.exec(text)
}

/**
 * Read an env file. The values are dotenv's; the scan beside it finds what dotenv does not tell: line numbers,
 * repeated names, lines it skipped, and values that Compose reads in another way.
 */
export function parse(text: string): EnvFile {
  const whole = dotenv.parse(text)
  const entries: Entry[] = []
  const stray: number[] = []
  let line = 1
  for (let at = 0; at < text.length; ) {
    const start = matchAt(head, text, at)
    const valueAt = start ? at + start[0].length : at
    const raw = (start && matchAt(quoted, text, valueAt)?.[0]) ?? matchAt(restOfLine, text, valueAt)?.[0] ?? ''
    const name = start?.[1]
    if (name !== undefined && name in whole) {
      const value = readByDotenv(raw)
      entries.push({ name, line, value, ambiguous: readByCompose(raw) !== value })
    } else if (!/^\s*(?:#|$)/.test(raw) || oddBreak.test(raw)) stray.push(line)
    line += raw.split('\n').length
    at = valueAt + raw.length + 1
  }
  // Where the scan and dotenv disagree (a value that begins on the next line), dotenv's reading is used and reported.
  const last = new Map(entries.map((entry, i) => [entry.name, i]))
  return {
    stray,
    entries: entries.map((entry, i) => {
      const value = whole[entry.name]
      const agrees = value === undefined || value === entry.value || last.get(entry.name) !== i
      return agrees ? entry : { ...entry, value, ambiguous: true }
    }),
  }
}

function readByDotenv(raw: string): string {
  return dotenv.parse(`K=${raw}`).K ?? ''
}

/**
 * What Compose (compose-go, 2.26 to 5) makes of the text after `=`. Undefined when it refuses it or interpolates:
 * it knows `$NAME`, `${…}`, `$$` outside single quotes, backslash escapes inside double quotes, and `\'` inside single
 * ones, of which dotenv only knows `\n` and `\r`.
 */
export function readByCompose(text: string): string | undefined {
  const raw = text.replace(/^[\t\v\f\r \u0085\u00a0]+/, '')
  if (oddBreak.test(raw)) return undefined
  const quote = raw[0]
  if (quote !== "'" && quote !== '"') {
    const value = (raw.split('\n', 1)[0] ?? '').replace(/ #.*$/, '').trimEnd()
    return interpolates(value) ? undefined : value
  }
  let value = ''
  let at = 1
  for (; raw[at] !== quote; at++) {
    if (at >= raw.length) return undefined
    if (raw[at] === '\\' && raw[at + 1] === quote) at++
    else if (raw[at] === '\\' && raw[at + 1] === '\\') value += raw[at++]
    value += raw[at]
  }
  if (!/^\s*(?:#[^\n]*)?$/.test(raw.slice(at + 1))) return undefined
  if (quote === "'") return value
  if (/\\[abcftv$"\\0]/.test(value) || interpolates(value)) return undefined
  return value.replaceAll('\\n', '\n').replaceAll('\\r', '\r')
}

/** Anything but a dollar before a space, a digit, punctuation or the end: those stay as they are. */
function interpolates(value: string): boolean {
  return /\$(?![\s\d!"#%&'()*+,./:;<=>?@[\\\]^`|}~-]|$)/.test(value)
}

export type Quoting = 'none' | 'single quotes' | 'double quotes'

function spellings(value: string): [Quoting, string][] {
  return [
    ['none', /^[\w./:@%+,=~-]*$/.test(value) ? value : "'"],
    ['single quotes', `'${value}'`],
    ['double quotes', `"${value.replaceAll('\r', '\\r')}"`],
    ['none', value],
  ]
}

/** A spelling stands alone: the lines after it must still be read. */
function dotenvReads(spelling: string, value: string): boolean {
  const read = dotenv.parse(`K=${spelling}\nL='l'\nM="m"\nN=\`n\`\n`)
  return read.K === value && read.L === 'l' && read.M === 'm' && read.N === 'n'
}

/** The spelling of a value that dotenv and Compose read alike; undefined when there is none. */
export function commonSpelling(value: string): { quoting: Quoting; text: string } | undefined {
  const found = spellings(value).find(
    ([, spelling]) => dotenvReads(spelling, value) && readByCompose(spelling) === value,
  )
  return found && { quoting: found[0], text: found[1] }
}

/**
 * Spell a value for the right of `=`: plain where it can be, else in single quotes, which are literal for dotenv and for
 * Compose, else in double quotes or bare. The few values without a common spelling (a quote together with `$NAME`)
 * are written for dotenv, which is what aqua reads with, and `env check` says so.
 */
export function quote(value: string): string {
  const common = commonSpelling(value)
  if (common) return common.text
  const own = [...spellings(value).map(([, spelling]) => spelling), `\`${value}\``]
  const found = own.find((spelling) => dotenvReads(spelling, value))
  if (found !== undefined) return found
  throw new AquaError('ENV_UNQUOTABLE', 'no spelling in an env file holds this value', {
    hint: 'choose one without quotes, or pass it in the process environment',
  })
}
