import { AquaError } from '../scripts/error.ts'
import { unwrap } from '../scripts/secret.ts'
import { nearest } from '../scripts/suggest.ts'
import { commonSpelling } from './file.ts'
import { describeSource, type Loaded, type LoadedValue, plain } from './load.ts'
import { isRequired, schema, type Variable, variableOf, variablesOf } from './schema.ts'
import { isPlaceholder, weakness } from './weak.ts'

export type FindingKind =
  | 'missing'
  | 'malformed'
  | 'placeholder'
  | 'weak'
  | 'unknown'
  | 'duplicate'
  | 'permissions'
  | 'ambiguous'

export interface Finding {
  /** Of the variable; empty for findings about the file. */
  name: string
  level: 'error' | 'warning'
  kind: FindingKind
  file: string
  /** Undefined when the value comes from the process environment, or when there is no line. */
  line: number | undefined
  /** Follows the name; never holds the value of a secret. */
  message: string
  hint: string
}

type Draft = Pick<Finding, 'kind' | 'message' | 'hint'> & Partial<Finding>

/** Everything that is wrong with a stage's variables, errors first. Reads nothing but its argument. */
export function checkEnv(loaded: Loaded): Finding[] {
  const drafts = [
    ...fileFindings(loaded),
    ...entryFindings(loaded),
    ...missingFindings(loaded),
    ...[...loaded.values.values()].flatMap((value) => valueFindings(loaded, value)),
    ...sharedFindings(loaded),
  ]
  const findings = drafts.map(
    (draft): Finding => ({ name: '', level: 'error', file: loaded.file, line: undefined, ...draft }),
  )
  const rank = (finding: Finding) => (finding.level === 'error' ? 0 : 1)
  return findings.toSorted((a, b) => rank(a) - rank(b) || (a.line ?? Infinity) - (b.line ?? Infinity))
}

/** Refuse to go on with variables that cannot work; returns the warnings, which the caller may show. */
export function refuseBadEnv(loaded: Loaded): Finding[] {
  const findings = checkEnv(loaded)
  const errors = findings.filter(({ level }) => level === 'error')
  if (errors.length === 0) return findings
  const count = errors.length === 1 ? 'a problem' : `${errors.length} problems`
  throw new AquaError('ENV_PROBLEMS', `the variables of ${loaded.stage} have ${count}`, {
    exit: 'problems',
    details: findings.map(describeFinding),
    hint: wayOut(loaded, errors),
  })
}

/** What mends the most: a file from before an update lacks variables, and `env init` adds them. */
function wayOut(loaded: Loaded, errors: readonly Finding[]): string {
  if (errors.length === 1 && errors[0]) return errors[0].hint
  const absent = errors.some(({ kind, line }) => kind === 'missing' && line === undefined)
  return absent ? `aqua env init ${loaded.stage} adds what is missing` : `aqua env check ${loaded.stage}`
}

/** One line: where, what, and what to do. */
export function describeFinding({ file, line, level, name, message, hint }: Finding): string {
  const where = line === undefined ? file : `${file}:${line}`
  return `${where}: ${level}: ${name === '' ? '' : `${name} `}${message} (${hint})`
}

/** Weak and placeholder values: a nuisance on a laptop, a break-in on a server. */
function strictness(loaded: Loaded): Finding['level'] {
  return loaded.stage === 'dev' ? 'warning' : 'error'
}

function fileFindings({ file, mode, stray }: Loaded): Draft[] {
  const findings: Draft[] = stray.map((line) => ({
    kind: 'malformed',
    line,
    message: 'the line is neither NAME=value nor a comment',
    hint: 'correct it or put # before it; docker compose would refuse the file',
  }))
  if (mode !== undefined && (mode & 0o044) !== 0)
    findings.push({
      kind: 'permissions',
      level: 'warning',
      message: `others can read the file (mode ${mode.toString(8)})`,
      hint: `chmod 600 ${file}`,
    })
  return findings
}

function entryFindings(loaded: Loaded): Draft[] {
  const seen = new Map<string, number>()
  return loaded.entries.flatMap(({ name, line, ambiguous }) => {
    const findings: Draft[] = []
    const at = { name, line, level: 'warning' } as const
    const earlier = seen.get(name)
    seen.set(name, line)
    if (earlier !== undefined)
      findings.push({
        ...at,
        kind: 'duplicate',
        message: `stands on line ${earlier} too; the last one counts`,
        hint: `remove line ${earlier} or ${line}`,
      })
    const variable = variableOf(name)
    if (!variable) findings.push({ ...at, kind: 'unknown', ...unknown(name) })
    else if (!variable.stages.includes(loaded.stage))
      findings.push({
        ...at,
        kind: 'unknown',
        message: `has no effect in ${loaded.stage}`,
        hint: `remove the line; it is for ${variable.stages.join(', ')}`,
      })
    if (ambiguous)
      findings.push({
        ...at,
        kind: 'ambiguous',
        message: 'is read differently by plain docker compose',
        hint: respell(loaded, name, line),
      })
    return findings
  })
}

function unknown(name: string): { message: string; hint: string } {
  const guess = nearest(
    name,
    schema.map((variable) => variable.name),
  )
  return {
    message: 'is no variable of aqua, and nobody gets it',
    hint: guess ? `did you mean ${guess}?` : 'remove the line',
  }
}

/** How to write a value so that both readers agree; a secret is not repeated. */
function respell(loaded: Loaded, name: string, line: number): string {
  const found = loaded.values.get(name)
  if (found?.source.kind !== 'file' || found.source.line !== line) return 'put the value in single quotes'
  const common = commonSpelling(unwrap(found.value))
  if (!common) return 'choose a value without quotes next to $ or \\: no spelling is read alike'
  if (!found.variable.secret) return `write ${name}=${common.text}`
  return common.quoting === 'none' ? 'write the value without quotes' : `put the value in ${common.quoting}`
}

function missingFindings(loaded: Loaded): Draft[] {
  const get = (name: string) => plain(loaded, name)
  return variablesOf(loaded.stage).flatMap((variable): Draft[] => {
    if (!isRequired(variable, get) || (get(variable.name) ?? '') !== '') return []
    const entry = loaded.entries.findLast(({ name }) => name === variable.name)
    const { requiredWhen } = variable
    const because =
      variable.required || !requiredWhen
        ? ''
        : `, required because ${requiredWhen.name} is ${requiredWhen.is === 'true' ? 'true' : 'set'}`
    return [
      {
        kind: 'missing',
        name: variable.name,
        line: entry?.line,
        message: `${entry ? 'is empty' : 'is missing'}${because}`,
        hint: entry ? `fill in line ${entry.line} of ${loaded.file}` : `aqua env init ${loaded.stage}, which adds it`,
      },
    ]
  })
}

function valueFindings(loaded: Loaded, { variable, value, source }: LoadedValue): Draft[] {
  const text = unwrap(value)
  if (text === '') return []
  const base = { name: variable.name, line: source.kind === 'file' ? source.line : undefined }
  const from = source.kind === 'env' ? ' (from the process environment)' : ''
  const hint = fix(loaded, variable)
  const level = strictness(loaded)
  if (isPlaceholder(variable, text))
    return [{ ...base, level, kind: 'placeholder', message: `is still the placeholder${from}`, hint }]
  // Free text may have lines (a key in PEM); what has a format may not, and a NUL ends an environment value.
  const broken = /\0/.test(text) || (variable.format.label !== 'text' && /[\r\n]/.test(text))
  const problem = broken ? 'holds a line break or a NUL' : variable.format.problem(text)
  if (problem) {
    const shown = variable.secret || problem.includes('"') ? '' : `: "${text}"`
    return [{ ...base, kind: 'malformed', message: `${problem}${shown}${from}`, hint }]
  }
  const weak = weakness(variable, text, (name) => plain(loaded, name))
  return weak ? [{ ...base, level, kind: 'weak', message: `${weak}${from}`, hint }] : []
}

function fix(loaded: Loaded, variable: Variable): string {
  const { generate, name, format } = variable
  if (!generate) return `set ${name} in ${loaded.file} to ${format.label === 'text' ? 'the real value' : format.label}`
  const command = generate.encoding === 'hex' ? `-hex ${generate.bytes}` : `-base64 ${generate.bytes}`
  return `openssl rand ${command} makes a good one`
}

/** One secret for two doors, and two ports that are one. */
function sharedFindings(loaded: Loaded): Draft[] {
  const owners = new Map<string, LoadedValue>()
  return [...loaded.values.values()].flatMap((found): Draft[] => {
    const { variable, source } = found
    const isPort = variable.format.label.startsWith('a port')
    const text = unwrap(found.value)
    if (!(variable.secret || isPort) || text === '' || isPlaceholder(variable, text)) return []
    const key = `${isPort ? 'port' : 'secret'} ${text}`
    const owner = owners.get(key)
    if (!owner) owners.set(key, found)
    if (!owner) return []
    return [
      {
        kind: 'duplicate',
        name: variable.name,
        line: source.kind === 'file' ? source.line : undefined,
        level: isPort ? 'error' : strictness(loaded),
        message: `has the value of ${owner.variable.name} (${describeSource(loaded, owner.source)})`,
        hint: isPort ? `give one of them another port` : fix(loaded, variable),
      },
    ]
  })
}
