import yargs from 'yargs'
import { AquaError } from './error.ts'
import { nearest } from './suggest.ts'
import { type GlobalArgs, globalOptions, kebab, type OptionSpec, type OptionSpecs, type TaskSpec } from './task.ts'

/** The task's own values are checked here against its options, so that its typed `ArgsOf` holds; hence the `any`. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Parsed = Record<string, any> & GlobalArgs

function usage(name: string, message: string, hint?: string): AquaError {
  return new AquaError('USAGE', message, { exit: 'usage', hint: hint ?? `aqua help ${name}` })
}

/** Parse what follows the task's name against the task's own options. Every mistake is an AquaError with exit 2. */
export function parseArgs(name: string, spec: TaskSpec, argv: readonly string[]): Parsed {
  const options: OptionSpecs = { ...spec.options, ...globalOptions }
  const parser = yargs([...argv])
    .help(false)
    .version(false)
    .exitProcess(false)
    .fail(false)
    .locale('en')
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-positional-numbers': false,
      'populate--': true,
    })
  for (const [key, option] of Object.entries(options)) {
    parser.option(kebab(key), {
      // Numbers come as they were typed too: yargs reads an empty one as 0 and a missing one as the default.
      type: option.type === 'boolean' ? 'boolean' : 'string',
      ...(option.alias ? { alias: option.alias } : {}),
    })
  }
  const raw = parser.parseSync() as Record<string, unknown> & { _: (string | number)[]; '--'?: string[] }
  rejectUnknown(name, raw, options)
  rejectFlagValues(name, argv, options)
  const parsed: Record<string, unknown> = {}
  for (const [key, option] of Object.entries(options)) parsed[key] = optionValue(name, key, option, raw[kebab(key)])
  takePositionals(name, spec.positionals ?? {}, [...raw._.map(String), ...(raw['--'] ?? [])], parsed)
  return parsed as Parsed
}

function rejectUnknown(name: string, raw: Record<string, unknown>, options: OptionSpecs): void {
  const known = new Set(['_', '--', '$0'])
  for (const [key, option] of Object.entries(options)) {
    known.add(kebab(key))
    if (option.alias) known.add(option.alias)
  }
  const unknown = Object.keys(raw).find((key) => !known.has(key))
  if (unknown === undefined) return
  const dashes = unknown.length === 1 ? '-' : '--'
  const guess = nearest(unknown, Object.keys(options).map(kebab))
  throw usage(
    name,
    `${name} has no option ${dashes}${unknown}`,
    guess ? `did you mean --${guess}? aqua help ${name}` : undefined,
  )
}

/** yargs reads `--force=yes` as false. */
function rejectFlagValues(name: string, argv: readonly string[], options: OptionSpecs): void {
  for (const word of argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined)) {
    const [, flag, value] = /^--([\w-]+)=(.*)$/s.exec(word) ?? []
    const spec = Object.entries(options).find(([key]) => kebab(key) === flag)?.[1]
    if (spec?.type === 'boolean' && value !== 'true' && value !== 'false') throw usage(name, `--${flag} takes no value`)
  }
}

function optionValue(name: string, key: string, option: OptionSpec, raw: unknown): unknown {
  const flag = `--${kebab(key)}`
  // Given twice it is a list. `--no-x` on an option that takes a value is false, one without its value is ''.
  const given = raw === undefined ? [] : [raw].flat()
  if (option.type === 'boolean') return given.at(-1) ?? option.default ?? false
  const words = given.flatMap((word) => (typeof word === 'string' && option.array ? word.split(',') : [word]))
  const values = words.filter((word) => word !== '')
  if (values.includes(false) || (given.length > 0 && values.length === 0)) throw usage(name, `${flag} needs a value`)
  if (option.array) {
    for (const value of values) checkChoice(name, flag, option, value)
    return values
  }
  const value = values.at(-1) ?? option.default
  if (value === undefined) {
    if (option.required) throw usage(name, `${name} needs ${flag}`)
    return undefined
  }
  checkChoice(name, flag, option, value)
  if (option.type === 'string') return value
  if (!Number.isFinite(Number(value))) throw usage(name, `${flag} takes a number`)
  return Number(value)
}

function checkChoice(name: string, what: string, option: OptionSpec, value: unknown): void {
  if (!option.choices || option.choices.includes(String(value))) return
  const guess = nearest(String(value), option.choices)
  throw usage(
    name,
    `${what}: there is no "${value}"`,
    `${guess ? `did you mean ${guess}? ` : ''}one of ${option.choices.join(', ')}`,
  )
}

function takePositionals(name: string, specs: OptionSpecs, words: string[], into: Record<string, unknown>): void {
  const left = [...words]
  for (const [key, spec] of Object.entries(specs)) {
    const given = spec.array ? left.splice(0) : left.splice(0, 1)
    for (const word of given) checkChoice(name, kebab(key), spec, word)
    if (given.length === 0 && spec.required) {
      const choices = spec.choices ? `: ${spec.choices.join(' | ')}` : ''
      throw usage(name, `${name} needs <${kebab(key)}>${choices}`)
    }
    into[key] = spec.array ? given : (given[0] ?? spec.default)
  }
  if (left.length > 0) throw usage(name, `${name} takes no argument "${left[0]}"`)
}
