import { appendFileSync } from 'node:fs'
import path from 'node:path'
import { confirm } from './confirm.ts'
import type { Context } from './context.ts'
import { AquaError, exitCodes } from './error.ts'
import { Executor, handleSignals } from './execute.ts'
import { Output } from './output.ts'
import { parseArgs } from './parse.ts'
import { shown } from './quote.ts'
import { Redactor } from './secret.ts'
import { Children } from './spawn.ts'
import type { Step } from './step.ts'
import type { TaskSpec } from './task.ts'

export interface RunOptions {
  name: string
  spec: TaskSpec
  argv: readonly string[]
  root: string
}

/** What `--json` prints: one object for every task. `steps` holds what ran, or with `--dry-run` what would run. */
export interface Envelope {
  task: string
  ok: boolean
  startedAt: string
  seconds: number
  steps: unknown[]
  result: Record<string, unknown>
  error: { code: string; message: string; hint: string | null; details: readonly string[]; exitCode: number } | null
}

/** Parse, check, plan, ask, execute, report. Returns the exit code; nothing here ends the process. */
export async function run({ name, spec, argv, root }: RunOptions): Promise<number> {
  const args = parseArgs(name, spec, argv)
  const started = performance.now()
  const startedAt = new Date()
  const redactor = new Redactor()
  const terminal = process.stderr.isTTY === true && !process.env.CI
  const out = new Output({
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    live: terminal && !args.verbose,
    json: args.json,
    quiet: args.quiet,
    verbose: args.verbose,
    redactor,
  })
  const controller = new AbortController()
  const children = new Children(process.env)
  surviveClosedOutput(spec.effect === 'read', children)
  const restore = handleSignals(controller, children, (text) => out.note(text))
  const showSteps = spec.effect !== 'read'
  const executor = new Executor({
    out,
    children,
    redactor,
    signal: controller.signal,
    clock: () => performance.now(),
    showSteps,
  })
  const ctx: Context = {
    root,
    stateDir: path.join(root, '.aqua'),
    cwd: process.cwd(),
    env: process.env,
    platform: process.platform,
    interactive: terminal && process.stdin.isTTY === true && !args.json,
    yes: args.yes,
    dryRun: args.dryRun,
    json: args.json,
    workspaceOption: args.workspace,
    now: () => new Date(),
    probe: (command, options = {}) => {
      if (controller.signal.aborted) throw controller.signal.reason
      executor.remember(options)
      return children.run(command, options)
    },
    note: (text) => out.note(text),
  }
  let planned: Step[] = []
  let failure: AquaError | undefined
  let bug: unknown
  try {
    await spec.check?.(args, ctx)
    if (controller.signal.aborted) throw controller.signal.reason
    planned = await spec.plan(args, ctx)
    if (controller.signal.aborted) throw controller.signal.reason
    if (args.dryRun) showPlan(planned, out)
    else {
      await confirm(name, await spec.destroys?.(args, ctx), ctx, out, controller.signal)
      await executor.execute(planned)
    }
  } catch (error) {
    if (error instanceof AquaError) failure = error
    else if (controller.signal.aborted && controller.signal.reason instanceof AquaError)
      failure = controller.signal.reason
    else bug = error
  } finally {
    restore()
  }
  const exitCode = failure?.exitCode ?? (bug === undefined ? exitCodes.done : exitCodes.failed)
  const seconds = Math.round(performance.now() - started) / 1000
  if (failure && !args.json) out.error(failure)
  if (bug !== undefined) process.stderr.write(`${redactor.clean(stackOf(bug))}\naqua: error: this is a bug in aqua\n`)
  const steps = args.dryRun ? planned.map(describeStep) : executor.reports
  if (args.json) {
    const message =
      bug === undefined ? undefined : { code: 'BUG', message: String(bug), hint: null, details: [], exitCode }
    const error = failure
      ? { code: failure.code, message: failure.message, hint: failure.hint ?? null, details: failure.details, exitCode }
      : (message ?? null)
    const envelope: Envelope = {
      task: name,
      ok: exitCode === 0,
      startedAt: startedAt.toISOString(),
      seconds,
      steps,
      result: executor.result,
      error,
    }
    // Cleaned before JSON escapes them: a secret with a quote in it would no longer be recognised.
    const clean = (_: string, value: unknown) => (typeof value === 'string' ? redactor.clean(value) : value)
    process.stdout.write(`${JSON.stringify(envelope, clean)}\n`)
  }
  summarise(name, exitCode, seconds, executor, failure, redactor)
  return exitCode
}

/**
 * `aqua … | head`: the reader has gone. Who only looks ends there; who changes something finishes the work unheard, since
 * stopping in the middle would leave half of it.
 */
function surviveClosedOutput(onlyLooks: boolean, children: Children): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      if (!onlyLooks) return
      children.signal('SIGTERM')
      process.exit(exitCodes.done)
    })
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Steps as `--dry-run` shows them: the exact commands; the environment by name only. */
function describeStep(step: Step): Record<string, unknown> {
  const commands = 'argv' in step ? [shown(step.argv)] : (step.would ?? [])
  return { title: step.title, effect: step.effect, commands }
}

function showPlan(steps: readonly Step[], out: Output): void {
  for (const step of steps) {
    const { title, effect, commands } = describeStep(step) as { title: string; effect: string; commands: string[] }
    out.print(`${title}${effect === 'destroy' ? ' (destroys)' : ''}`)
    for (const command of commands) out.print(`  ${command}`)
  }
}

/** A job summary where GitHub Actions asks for one. */
function summarise(
  name: string,
  code: number,
  seconds: number,
  executor: Executor,
  failure: AquaError | undefined,
  redactor: Redactor,
): void {
  const file = process.env.GITHUB_STEP_SUMMARY
  if (!file) return
  const rows = executor.reports.map((step) => `| ${step.title} | ${step.state} | ${step.seconds.toFixed(1)} |`)
  const verdict = failure ? `**${failure.message}**${failure.hint ? ` — ${failure.hint}` : ''}\n\n` : ''
  const head = `### aqua ${name}: ${code === 0 ? 'done' : `failed (${code})`} in ${seconds.toFixed(1)} s\n\n`
  const body = `${head}${verdict}| step | state | seconds |\n|---|---|---|\n${rows.join('\n')}\n\n`
  try {
    appendFileSync(file, redactor.clean(body))
  } catch {
    process.stderr.write('aqua: warning: the job summary could not be written\n')
  }
}
