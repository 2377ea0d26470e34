import fs from 'node:fs/promises'
import path from 'node:path'
import type { Context } from '../scripts/context.ts'
import { AquaError, hasCode } from '../scripts/error.ts'
import { Secret, unwrap } from '../scripts/secret.ts'
import type { EnvMap } from '../scripts/step.ts'
import { type Stage, stages } from '../scripts/task.ts'
import { envFile } from './example.ts'
import { type Entry, parse } from './file.ts'
import { defaultOf, type Variable, variablesOf } from './schema.ts'

/** Where a value comes from. */
export type Source = { kind: 'env' } | { kind: 'file'; line: number } | { kind: 'default' }

export interface LoadedValue {
  variable: Variable
  value: string | Secret
  source: Source
}

/** A stage's variables with their sources. Nothing in here prints a secret. */
export interface Loaded {
  stage: Stage
  /** Relative to the project, as messages name it. */
  file: string
  exists: boolean
  /** Variables of this stage that have a value; an optional one may be set and empty. */
  values: ReadonlyMap<string, LoadedValue>
  /** The assignments of the file in their order, without the values. */
  entries: readonly Omit<Entry, 'value'>[]
  stray: readonly number[]
  /** Permission bits; undefined where there is no file and on Windows. */
  mode: number | undefined
}

export type LoadContext = Pick<Context, 'root' | 'env' | 'platform'>

/** The stages that have a file. */
export async function stagesWithFile(ctx: Pick<Context, 'root'>): Promise<Stage[]> {
  const names = await fs.readdir(path.join(ctx.root, 'env')).catch((): string[] => [])
  return stages.filter((stage) => names.includes(path.basename(envFile(stage))))
}

/**
 * Read a stage's variables: the process environment wins over the file, the file over the default. An empty value switches
 * an optional variable off; a required one counts as not set, since CI hands over an absent secret as an empty string.
 */
export async function loadEnv(
  ctx: LoadContext,
  stage: Stage,
  options: { fileOptional?: boolean } = {},
): Promise<Loaded> {
  const file = envFile(stage)
  const read = await readEnvFile(path.join(ctx.root, file), file)
  if (!read && !options.fileOptional)
    throw new AquaError('ENV_FILE_MISSING', `${file} does not exist`, {
      exit: 'missing',
      hint: `aqua env init ${stage}`,
    })
  const { entries, stray } = parse(read?.text ?? '')
  const last = new Map(entries.map((entry) => [entry.name, entry]))
  const values = new Map<string, LoadedValue>()
  for (const variable of variablesOf(stage)) {
    const found = pick(variable, stage, ctx.env[variable.name], last.get(variable.name))
    if (found) values.set(variable.name, found)
  }
  return {
    stage,
    file,
    exists: read !== undefined,
    values,
    entries: entries.map(({ name, line, ambiguous }) => ({ name, line, ambiguous })),
    stray,
    mode: ctx.platform === 'win32' ? undefined : read?.mode,
  }
}

async function readEnvFile(full: string, file: string): Promise<{ text: string; mode: number } | undefined> {
  try {
    return { text: await fs.readFile(full, 'utf8'), mode: (await fs.stat(full)).mode & 0o777 }
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    if (!hasCode(error, 'EACCES', 'EPERM', 'EISDIR', 'ELOOP')) throw error
    throw new AquaError('ENV_FILE_UNREADABLE', `${file} cannot be read (${error.code})`, {
      exit: 'missing',
      hint: `ls -l ${file}`,
      cause: error,
    })
  }
}

function pick(
  variable: Variable,
  stage: Stage,
  fromEnv: string | undefined,
  entry: Entry | undefined,
): LoadedValue | undefined {
  const counts = (value: string | undefined): value is string =>
    value !== undefined && (value !== '' || !variable.required)
  const loaded = (value: string, source: Source): LoadedValue => ({
    variable,
    value: variable.secret && value !== '' ? new Secret(value) : value,
    source,
  })
  if (counts(fromEnv)) return loaded(fromEnv, { kind: 'env' })
  if (entry && counts(entry.value)) return loaded(entry.value, { kind: 'file', line: entry.line })
  const value = defaultOf(variable, stage)
  return value === undefined ? undefined : loaded(value, { kind: 'default' })
}

/** The plain value of a variable, for rules about it; never to be printed when the variable is secret. */
export function plain(loaded: Loaded, name: string): string | undefined {
  const found = loaded.values.get(name)
  return found && unwrap(found.value)
}

/** What `docker compose` gets as its environment: every variable of the stage that has a value, and the stage's name. */
export function forCompose(loaded: Loaded): EnvMap {
  const values = [...loaded.values].map(([name, { value }]) => [name, value] as const)
  return { ...Object.fromEntries(values), AQUA_STAGE: loaded.stage }
}

/** Where a value comes from, for people: `env/.env.dev:12`. */
export function describeSource(loaded: Loaded, source: Source): string {
  if (source.kind === 'file') return `${loaded.file}:${source.line}`
  return source.kind === 'env' ? 'the process environment' : 'the default'
}
