import type { Context } from './context.ts'
import type { Effect, Step } from './step.ts'

export type Stage = 'dev' | 'stage' | 'prod'
export const stages = ['dev', 'stage', 'prod'] as const satisfies readonly Stage[]

export interface OptionSpec {
  type: 'string' | 'boolean' | 'number'
  describe: string
  array?: true
  choices?: readonly string[]
  default?: string | number | boolean
  required?: true
  /** One letter, e.g. `f` for `-f`. */
  alias?: string
  /** Shown in help in place of the type, e.g. `<seconds>`. */
  placeholder?: string
}

export type OptionSpecs = Record<string, OptionSpec>

type Scalar<O extends OptionSpec> = O['type'] extends 'boolean'
  ? boolean
  : O['type'] extends 'number'
    ? number
    : O extends { choices: readonly (infer C)[] }
      ? C
      : string

type Present<O extends OptionSpec> = O extends
  | { default: unknown }
  | { required: true }
  | { type: 'boolean' }
  | { array: true }
  ? true
  : false

type Value<O extends OptionSpec> = O extends { array: true } ? Scalar<O>[] : Scalar<O>

/** The parsed arguments: a typo in `args.onyl` does not compile. Arrays are empty and booleans false when not given. */
export type ArgsOf<O extends OptionSpecs> = {
  [K in keyof O]: Present<O[K]> extends true ? Value<O[K]> : Value<O[K]> | undefined
}

// biome-ignore lint/complexity/noBannedTypes: an absent record of options adds no keys
type None = {}

export interface TaskSpec<O extends OptionSpecs = OptionSpecs, P extends OptionSpecs = OptionSpecs> {
  /** One line, an imperative sentence without a full stop. */
  summary: string
  group: 'Start here' | 'Stack' | 'Look' | 'Environment' | 'Build' | 'CI' | 'Data' | 'Backup' | 'aqua'
  effect: Effect
  /** In the order of the command line. Names are camelCase here and kebab-case on the command line. */
  positionals?: P
  options?: O
  /** Other names; the value is what the name stands for: `{ 'up-dev': ['dev'] }` makes `aqua up-dev` run `aqua up dev`. */
  aliases?: Readonly<Record<string, readonly string[]>>
  examples: readonly string[]
  /** Further help, printed below the options. */
  notes?: readonly string[]
  /** For `effect: 'destroy'`: what is lost, in one sentence; undefined when this call destroys nothing. */
  destroys?(args: ArgsOf<O> & ArgsOf<P>, ctx: Context): Promise<string | undefined> | string | undefined
  /** Refuse early, with a hint. */
  check?(args: ArgsOf<O> & ArgsOf<P>, ctx: Context): void | Promise<void>
  /** Compute the steps; changes nothing. */
  plan(args: ArgsOf<O> & ArgsOf<P>, ctx: Context): Promise<Step[]> | Step[]
}

/** Returns its argument: it is here to carry the types from `options` to `args`. */
export function task<const O extends OptionSpecs = None, const P extends OptionSpecs = None>(
  spec: TaskSpec<O, P>,
): TaskSpec<O, P> {
  return spec
}

/** What help, completion and did-you-mean need; written at build time so that they load no task. */
export interface ManifestEntry {
  name: string
  summary: string
  group: string
  effect: Effect
  positionals: OptionSpecs
  options: OptionSpecs
  aliases: Readonly<Record<string, readonly string[]>>
  examples: readonly string[]
  notes: readonly string[]
}

export type Manifest = readonly ManifestEntry[]

/** Options that every task takes. */
export const globalOptions = {
  dryRun: { type: 'boolean', describe: 'print the exact commands and change nothing' },
  json: { type: 'boolean', describe: 'one JSON envelope on stdout, nothing else' },
  yes: { type: 'boolean', alias: 'y', describe: 'answer yes to every question' },
  verbose: { type: 'boolean', alias: 'v', describe: 'show the output of every command' },
  quiet: { type: 'boolean', alias: 'q', describe: 'errors only' },
  workspace: { type: 'string', describe: "the backend's sources", placeholder: '<folder>' },
  help: { type: 'boolean', alias: 'h', describe: 'help on a task' },
} as const satisfies OptionSpecs

export type GlobalArgs = ArgsOf<typeof globalOptions>

/** `dropOld` → `drop-old` */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
