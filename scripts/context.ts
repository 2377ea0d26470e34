import type { CommandOptions, CommandResult } from './step.ts'

/** What a task may know of the world. The clock, the environment and the folders come from here, never from globals. */
export interface Context {
  /** The folder of this project: tasks, docker, env. */
  readonly root: string
  /** State that can be thrown away: fingerprints, chosen images. */
  readonly stateDir: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly platform: NodeJS.Platform
  /** True when a person can be asked. */
  readonly interactive: boolean
  readonly yes: boolean
  readonly dryRun: boolean
  readonly json: boolean
  /** The value of `--workspace`, unresolved. */
  readonly workspaceOption: string | undefined
  now(): Date
  /** Run a read-only command while planning. Never throws for its exit code; a missing program has code 127. */
  probe(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>
  /** A line for the person while planning: what was chosen and why. */
  note(text: string): void
}
