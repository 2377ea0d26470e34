import { exitCodeMeaning } from './error.ts'
import { globalOptions, kebab, type Manifest, type ManifestEntry, type OptionSpec, type OptionSpecs } from './task.ts'

const groups = ['Start here', 'Stack', 'Look', 'Environment', 'Build', 'CI', 'Data', 'Backup', 'aqua']

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd())
}

/** How a name is typed: a two-word family shows its space. */
export function typed(manifest: Manifest, name: string): string {
  const [head = '', ...rest] = name.split('-')
  const kin = manifest.filter((entry) => entry.name.startsWith(`${head}-`)).length > 1
  return kin && rest.length > 0 ? `${head} ${rest.join('-')}` : name
}

export function overview(manifest: Manifest, version: string): string {
  const lines = [`aqua ${version} · the AquaStream backend in Docker Compose`, '', 'Usage: aqua <task> [options]']
  for (const group of groups) {
    const entries = manifest.filter((entry) => entry.group === group)
    if (entries.length === 0) continue
    lines.push('', group)
    const rows = entries.map((entry) => {
      const all = Object.keys(entry.aliases)
      // A dozen old names would push every summary off the screen; the task's own help has them.
      const aliases = all.length > 3 ? [] : all
      return [[typed(manifest, entry.name), ...aliases].join(', '), entry.summary] as const
    })
    lines.push(...columns(rows))
  }
  lines.push('', 'Options of every task', ...optionLines(globalOptions))
  lines.push('', 'aqua help <task> shows its options and examples. aqua help exit-codes shows what they mean.')
  return lines.join('\n')
}

function optionLines(options: OptionSpecs): string[] {
  return columns(Object.entries(options).map(([name, spec]) => [flag(name, spec), describe(spec)] as const))
}

function flag(name: string, spec: OptionSpec): string {
  const long = `--${spec.type === 'boolean' && spec.default === true ? 'no-' : ''}${kebab(name)}`
  const value = spec.type === 'boolean' ? '' : ` ${spec.placeholder ?? `<${spec.choices ? 'one of' : spec.type}>`}`
  return `${spec.alias ? `-${spec.alias}, ` : '    '}${long}${value}`
}

function describe(spec: OptionSpec): string {
  const extra: string[] = []
  if (spec.choices) extra.push(spec.choices.join(' | '))
  if (spec.array) extra.push('may be repeated')
  if (spec.default !== undefined && spec.type !== 'boolean') extra.push(`default: ${spec.default}`)
  return extra.length > 0 ? `${spec.describe} (${extra.join('; ')})` : spec.describe
}

export function taskHelp(manifest: Manifest, entry: ManifestEntry): string {
  const positionals = Object.entries(entry.positionals)
  const usage = positionals.map(([name, spec]) => {
    const shown = kebab(name) + (spec.array ? '…' : '')
    return spec.required ? `<${shown}>` : `[${shown}]`
  })
  const lines = [entry.summary, '', `Usage: ${['aqua', typed(manifest, entry.name), ...usage, '[options]'].join(' ')}`]
  const aliases = Object.entries(entry.aliases)
  if (aliases.length > 3)
    lines.push('', 'Also', ...columns(aliases.map(([alias, words]) => [alias, `= ${entry.name} ${words.join(' ')}`])))
  else if (aliases.length > 0) {
    const meaning = ([alias, words]: (typeof aliases)[number]) =>
      words.length > 0 ? `${alias} (= ${entry.name} ${words.join(' ')})` : alias
    lines.push(`Also:  ${aliases.map(meaning).join(', ')}`)
  }
  if (positionals.length > 0)
    lines.push('', 'Arguments', ...columns(positionals.map(([name, spec]) => [kebab(name), describe(spec)] as const)))
  if (Object.keys(entry.options).length > 0) lines.push('', 'Options', ...optionLines(entry.options))
  if (entry.notes.length > 0) lines.push('', ...entry.notes)
  lines.push('', 'Examples', ...entry.examples.map((example) => `  ${example}`))
  lines.push('', 'Options of every task', ...optionLines(globalOptions))
  return lines.join('\n')
}

export function exitCodesHelp(): string {
  return ['Exit codes', ...columns(Object.entries(exitCodeMeaning).map(([code, text]) => [code, text] as const))].join(
    '\n',
  )
}
