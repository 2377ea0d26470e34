import { randomBytes } from 'node:crypto'
import fs from 'node:fs/promises'
import path from 'node:path'
import { AquaError, hasCode } from '../scripts/error.ts'
import type { ActStep } from '../scripts/step.ts'
import type { Stage } from '../scripts/task.ts'
import { envFile, initialValue, renderFile, renderVariable } from './example.ts'
import { parse } from './file.ts'
import { type LoadContext, loadEnv, plain } from './load.ts'
import { isRequired, type Variable, variablesOf } from './schema.ts'
import { isPlaceholder } from './weak.ts'
import { FileChanged, writeWhole } from './write.ts'

export interface InitPlan {
  file: string
  /** The file as it is; undefined when there is none. */
  before: string | undefined
  after: string
  /** Names that the file gets. */
  added: readonly string[]
  /** Of those, the ones that only a person can fill in. */
  fillIn: readonly string[]
  /** Required, in the file, and empty: aqua leaves the line alone. */
  empty: readonly string[]
}

type Random = (bytes: number) => Buffer

function madeUp({ generate }: Variable, random: Random): string | undefined {
  return generate && random(generate.bytes).toString(generate.encoding)
}

/** What `env init` would write: a whole new file, or what an existing one lacks, behind bytes that stay as they are. */
export async function planInit(ctx: LoadContext, stage: Stage, random: Random = randomBytes): Promise<InitPlan> {
  const file = envFile(stage)
  const before = await fs.readFile(path.join(ctx.root, file), 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined
    throw new AquaError('ENV_FILE_UNREADABLE', `${file} cannot be read`, { hint: `ls -l ${file}`, cause: error })
  })
  const loaded = await loadEnv(ctx, stage, { fileOptional: true })
  const required = variablesOf(stage).filter((variable) => isRequired(variable, (name) => plain(loaded, name)))
  const inFile = new Map(parse(before ?? '').entries.map(({ name, value }) => [name, value]))
  const missing = required.filter(({ name }) => !inFile.has(name))
  const values = new Map(
    missing.map((variable) => [
      variable.name,
      madeUp(variable, random) ?? initialValue(variable, stage, (name) => plain(loaded, name)) ?? '',
    ]),
  )
  return {
    file,
    before,
    after: before === undefined ? newFile(stage, values) : completed(before, missing, values, file),
    added: [...values.keys()],
    fillIn: missing
      .filter((variable) => isPlaceholder(variable, values.get(variable.name) ?? ''))
      .map(({ name }) => name),
    empty: required.filter(({ name }) => inFile.get(name) === '').map(({ name }) => name),
  }
}

function newFile(stage: Stage, values: ReadonlyMap<string, string>): string {
  const head = [
    `Values of the stage ${stage}, for aqua and for docker compose --env-file. Secret: never commit this file.`,
    `"aqua env explain NAME" tells more about each, "aqua env check ${stage}" checks them.`,
  ]
  return renderFile(stage, head, ({ name }) => values.get(name))
}

function completed(
  before: string,
  missing: readonly Variable[],
  values: ReadonlyMap<string, string>,
  file: string,
): string {
  if (missing.length === 0) return before
  const eol = before.includes('\r\n') ? '\r\n' : '\n'
  const blocks = missing.map((variable) => renderVariable(variable, values.get(variable.name)).join(eol))
  const gap = before === '' ? '' : before.endsWith('\n') ? eol : eol + eol
  const after = `${before}${gap}${blocks.join(eol + eol)}${eol}`
  // A quote left open on the last line would swallow what follows it, or a skipped line come to life.
  const read = new Map(parse(after).entries.map(({ name, value }) => [name, value]))
  const old = parse(before).entries
  const kept = new Map(old.map(({ name, value }) => [name, value]))
  if ([...kept, ...values].some(([name, value]) => read.get(name) !== value))
    throw new AquaError('ENV_FILE_BROKEN', `nothing can be added to ${file}: its last lines are not closed`, {
      exit: 'problems',
      hint: `look for an open quote in ${file}`,
    })
  return after
}

/** Write `env/.env.<stage>` with random secrets, or complete it; for `aqua env init` and for tasks that begin with it. */
export async function envInitStep(
  ctx: LoadContext,
  stage: Stage,
  options: { random?: (bytes: number) => Buffer } = {},
): Promise<ActStep> {
  const { file, before, added } = await planInit(ctx, stage, options.random)
  const verb = before === undefined ? 'write' : 'append to'
  return {
    title: added.length === 0 ? `${file} is complete` : `${verb} ${file}`,
    effect: 'write',
    would:
      added.length === 0 ? [] : [`${verb} ${file}${before === undefined ? ' (mode 600)' : ''}: ${added.join(', ')}`],
    async act(io) {
      const done = await apply(ctx, stage, options.random)
      io.done(outcome(done))
      const byHand = [...done.fillIn, ...done.empty]
      if (byHand.length > 0) io.out.note(`fill in ${byHand.join(', ')} in ${done.file}`)
      io.result({ file: done.file, created: done.before === undefined, added: done.added, fillIn: byHand })
    },
  }
}

/** Plans anew on what is there at that moment; once more when somebody wrote in between. */
async function apply(ctx: LoadContext, stage: Stage, random: Random | undefined, again = true): Promise<InitPlan> {
  const plan = await planInit(ctx, stage, random)
  if (plan.before === plan.after) return plan
  try {
    await writeWhole(path.join(ctx.root, plan.file), plan.before, plan.after)
    return plan
  } catch (error) {
    if (!(error instanceof FileChanged)) throw error
    if (again) return apply(ctx, stage, random, false)
    throw new AquaError('ENV_FILE_BUSY', `${plan.file} is being changed by somebody else`, { hint: 'try again' })
  }
}

function outcome({ file, before, added }: InitPlan): string {
  if (added.length === 0) return `${file} is complete, nothing was added`
  return before === undefined ? `${file}: written with random secrets` : `${file}: added ${added.join(', ')}`
}
