import { type Stage, stages } from '../scripts/task.ts'
import { quote } from './file.ts'
import { defaultOf, isRequired, placeholder, schema, type Variable, variablesOf } from './schema.ts'

/** Where a stage's values live, relative to the project. */
export function envFile(stage: Stage): string {
  return `env/.env.${stage}`
}

/** Every example that is committed: its path and what it has to say. */
export function exampleFiles(): { file: string; text: string }[] {
  return [
    { file: 'env/.env.example', text: renderExample('all') },
    ...stages.map((stage) => ({ file: `${envFile(stage)}.example`, text: renderExample(stage) })),
  ]
}

/** The text of an example: one stage as its file would look, or all stages as a reference. Secrets are placeholders. */
export function renderExample(stage: Stage | 'all'): string {
  if (stage !== 'all')
    return renderFile(
      stage,
      [
        `Example for the stage ${stage}. "aqua env init ${stage}" writes ${envFile(stage)} with random secrets.`,
        `By hand: copy, fill in every ${placeholder}, chmod 600, then "aqua env check ${stage}".`,
      ],
      (variable) => initialValue(variable, stage),
    )
  const head = [
    'Every variable of every stage, for reading. Made from env/schema.ts; to start, run "aqua env init dev".',
    'A process environment variable wins over the file, the file over the default.',
  ]
  return grouped(head, schema, (variable) => [
    ...comment([variable.about, ...traits(variable)]),
    `${variable.required ? '' : '# '}${assignment(variable.name, overviewValue(variable))}`,
  ])
}

/** The text of a stage's file with `pick` deciding the values; optional variables stand there as comments. */
export function renderFile(
  stage: Stage,
  head: readonly string[],
  pick: (variable: Variable) => string | undefined,
): string {
  return grouped(head, variablesOf(stage), (variable) => renderVariable(variable, pick(variable)))
}

/** One variable: its comment and its line, commented out where nothing is required. */
export function renderVariable(variable: Variable, value: string | undefined): string[] {
  const about = [variable.about, conditionOf(variable)].filter((line) => line !== undefined)
  return [...comment(about), value === undefined ? `# ${variable.name}=` : assignment(variable.name, value)]
}

/** What stands in a file before anybody filled it in; undefined for what is not required. */
export function initialValue(
  variable: Variable,
  stage: Stage,
  get: (name: string) => string | undefined = () => undefined,
): string | undefined {
  const value = defaultOf(variable, stage)
  if (value !== undefined) return value
  return isRequired(variable, get) ? (variable.placeholder ?? placeholder) : undefined
}

function assignment(name: string, value: string): string {
  return `${name}=${quote(value)}`
}

function comment(lines: readonly string[]): string[] {
  return lines.map((line) => `# ${line}`)
}

function conditionOf(variable: Variable): string | undefined {
  if (!variable.requiredWhen) return undefined
  const { name, is } = variable.requiredWhen
  return is === 'true' ? `Required when ${name}=true` : `Required when ${name} is set`
}

/** What the overview says of a variable beside its description. */
function traits(variable: Variable): string[] {
  const defaults = new Map(variable.stages.map((stage) => [stage, defaultOf(variable, stage)]))
  const distinct = [...new Set(defaults.values())]
  const known = [...defaults].filter(([, value]) => value !== undefined)
  const need = distinct.includes(undefined) ? [variable.required ? 'required' : 'optional'] : []
  const words = [
    `Stages: ${variable.stages.join(', ')}`,
    ...(conditionOf(variable) ? [conditionOf(variable)] : need),
    ...(variable.secret ? ['secret'] : []),
    ...(variable.format.label === 'text' ? [] : [variable.format.label]),
  ]
  const perStage = known.map(([stage, value]) => `${value} in ${stage}`).join(', ')
  const fallback = distinct.length === 1 ? distinct[0] : perStage
  return [words.join(' · '), ...(known.length > 0 ? [`Default: ${fallback}`] : [])]
}

function overviewValue(variable: Variable): string {
  const first = stages.map((stage) => defaultOf(variable, stage)).find((value) => value !== undefined)
  return first ?? variable.placeholder ?? (variable.secret ? placeholder : '')
}

function grouped(head: readonly string[], list: readonly Variable[], render: (variable: Variable) => string[]): string {
  const lines = comment(head)
  let current = ''
  for (const variable of list) {
    if (variable.group !== current) lines.push('', `# --- ${variable.group} ---`)
    current = variable.group
    lines.push('', ...render(variable))
  }
  return `${lines.join('\n')}\n`
}
