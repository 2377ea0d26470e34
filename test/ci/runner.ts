import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { type Contexts, type Functions, holds, interpolate, shown } from './expressions.ts'
import { githubContext, type Happening, matches, runningJobs } from './triggers.ts'
import { actions, type Files, type JobSpec, listed, type StepSpec, type Workflow, workflows } from './workflows.ts'

export interface RunnerOptions {
  /** A clone of the repository, with `.github/` at its root. */
  repository: string
  files: Files
  happening: Happening
  /** Added to the `github` context. */
  github?: Record<string, unknown>
  /** Before PATH: stand-ins and a virtual environment. */
  path: readonly string[]
  /** Why a script is not run here; undefined when it is. */
  leave(script: string): string | undefined
  /** Where the artifacts of this run are. */
  artifacts: string
  /** What prepared this clone before: run once, not for every job. */
  prepared: Set<string>
}

/** What became of a `run:` step. */
export interface Outcome {
  where: string
  script: string
  /** Undefined when it was not run. */
  code?: number | null
  said?: string
  /** Why it was not run. */
  left?: string
}

/**
 * Runs the jobs of a workflow as the hosted service would, one after the other in one clone, with the first value of each
 * matrix: `if`, `env`, `needs`, outputs, composite actions and called workflows are evaluated; scripts are run by bash as
 * written. Of other actions those that move files are imitated, the rest do nothing.
 */
export class Runner {
  readonly outcomes: Outcome[] = []
  readonly #o: RunnerOptions
  readonly #workflows: Map<string, Workflow>

  constructor(options: RunnerOptions) {
    this.#o = options
    this.#workflows = workflows(options.files)
  }

  run(name: string, inputs: Record<string, unknown> = {}): void {
    const workflow = this.#workflows.get(name)
    if (!workflow) throw new Error(`no workflow ${name}`)
    const github = { ...githubContext(this.#o.happening, name), ...this.#o.github }
    const running = new Set(runningJobs(this.#workflows, name, this.#o.happening, inputs))
    const needs: Record<string, { outputs: Record<string, unknown> }> = {}
    for (const [id, job] of Object.entries(workflow.jobs)) {
      if (!running.has(id)) continue
      for (const need of listed(job.needs)) if (!needs[need]) throw new Error(`${name}/${id} needs ${need} first`)
      const contexts = { github, inputs, needs }
      if (job.uses) {
        const called = path.basename(job.uses, '.yml')
        this.run(called, Object.fromEntries(entries(job.with).map(([k, v]) => [k, interpolate(v, contexts)])))
        needs[id] = { outputs: {} }
      } else needs[id] = { outputs: this.#job(`${name}/${id}`, workflow, job, contexts) }
    }
  }

  #job(where: string, workflow: Workflow, job: JobSpec, outer: Contexts): Record<string, unknown> {
    const matrix: Record<string, unknown> = {}
    for (const [key, value] of entries(job.strategy?.matrix)) {
      const values = interpolate(value, outer)
      if (!Array.isArray(values) || values.length === 0) throw new Error(`${where}: the matrix ${key} is empty`)
      matrix[key] = values[0]
    }
    const env: Record<string, unknown> = {}
    const temp = path.join(this.#o.artifacts, '..', 'temp')
    fs.mkdirSync(temp, { recursive: true })
    const contexts = { ...outer, matrix, env, runner: { temp, os: 'Linux' }, steps: {} as Record<string, unknown> }
    for (const [key, value] of [...entries(workflow.env), ...entries(job.env)]) env[key] = interpolate(value, contexts)
    const folder = workflow.defaults?.run?.['working-directory']
    for (const step of job.steps ?? []) this.#step(where, step, contexts, folder ?? '.')
    const outputs: Record<string, unknown> = {}
    for (const [key, value] of entries(job.outputs)) outputs[key] = interpolate(value, contexts)
    return outputs
  }

  #step(where: string, step: StepSpec, contexts: Contexts & { steps: Record<string, unknown> }, folder: string): void {
    const functions = this.#functions()
    // As on the hosted service: after a failure only those that say always().
    if (this.#failed(where) && !step.if?.includes('always()')) return
    if (!holds(step.if, contexts, functions)) return
    const env = { ...(contexts.env as Record<string, unknown>) }
    for (const [key, value] of entries(step.env)) env[key] = interpolate(value, contexts, functions)
    const within: Record<string, unknown> = {}
    for (const [key, value] of entries(step.with)) within[key] = interpolate(value, { ...contexts, env }, functions)
    if (step.run !== undefined) {
      const at = shown(interpolate(step['working-directory'] ?? folder, { ...contexts, env }))
      const outputs = this.#script(where, step.run, at, env, contexts)
      if (step.id) contexts.steps[step.id] = { outputs }
    } else if (step.uses?.startsWith('./')) this.#composite(where, step.uses, within, contexts)
    else this.#imitate(where, step.uses ?? '', within)
  }

  #composite(where: string, uses: string, within: Record<string, unknown>, contexts: Contexts): void {
    const action = actions(this.#o.files).get(uses)
    if (!action) throw new Error(`${where}: no action ${uses}`)
    for (const key of Object.keys(within))
      if (!action.inputs?.[key]) throw new Error(`${where}: ${uses} has no input ${key}`)
    const defaults = entries(action.inputs).map(([key, input]) => [key, input.default])
    const inputs = { ...Object.fromEntries(defaults), ...within }
    for (const step of action.runs.steps) this.#step(`${where} ${uses}`, step, { ...contexts, inputs, steps: {} }, '.')
  }

  #script(where: string, script: string, at: string, env: Record<string, unknown>, contexts: Contexts) {
    const left = this.#o.leave(script)
    const repeated = script.startsWith('npm ci') && this.#o.prepared.has(`${at} ${script}`)
    this.#o.prepared.add(`${at} ${script}`)
    if (left !== undefined || repeated) {
      this.outcomes.push({ where, script, left: left ?? 'done before in this clone' })
      return {}
    }
    const file = path.join(this.#o.artifacts, '..', 'output')
    fs.writeFileSync(file, '')
    const github = contexts.github as Record<string, unknown>
    const words = Object.entries(env).map(([key, value]) => [key, shown(value)])
    const { status, stdout, stderr } = spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], {
      cwd: path.join(this.#o.repository, at),
      encoding: 'utf8',
      env: {
        PATH: [...this.#o.path, process.env.PATH].join(path.delimiter),
        HOME: process.env.HOME,
        CI: 'true',
        GITHUB_ACTIONS: 'true',
        GITHUB_EVENT_NAME: shown(github.event_name),
        GITHUB_REF: shown(github.ref),
        GITHUB_SHA: shown(github.sha),
        GITHUB_REPOSITORY: shown(github.repository),
        GITHUB_OUTPUT: file,
        GITHUB_STEP_SUMMARY: path.join(this.#o.artifacts, '..', 'summary.md'),
        RUNNER_TEMP: shown((contexts.runner as Record<string, unknown>).temp),
        ...Object.fromEntries(words),
      },
    })
    this.outcomes.push({ where, script, code: status, said: `${stdout}${stderr}` })
    const lines = fs.readFileSync(file, 'utf8').trim().split('\n').filter(Boolean)
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
  }

  /** Artifacts are folders; everything else is the hosted service's business. */
  #imitate(where: string, uses: string, within: Record<string, unknown>): void {
    const artifact = path.join(this.#o.artifacts, shown(within.name))
    const at = path.join(this.#o.repository, shown(within.path).trim())
    if (uses.startsWith('actions/download-artifact@') && fs.existsSync(artifact))
      fs.cpSync(artifact, at, { recursive: true })
    if (!uses.startsWith('actions/upload-artifact@')) return
    const patterns = shown(within.path).split('\n').filter(Boolean)
    if (patterns.length === 1 && fs.existsSync(at)) {
      fs.cpSync(at, artifact, { recursive: true })
      return
    }
    // The paths in an artifact begin where the first pattern begins to vary.
    const [base = '.'] = patterns[0]?.split('/*')[0]?.split('/backend-') ?? []
    for (const file of selected(this.#o.repository, patterns)) {
      const inside = path.relative(base, file)
      fs.cpSync(path.join(this.#o.repository, file), path.join(artifact, inside))
    }
    if (!fs.existsSync(artifact) && within['if-no-files-found'] === 'error' && this.#complete())
      throw new Error(`${where}: nothing to upload as ${shown(within.name)}`)
  }

  #failed(where: string): boolean {
    const [job = ''] = where.split(' ')
    return this.outcomes.some((outcome) => outcome.where.split(' ')[0] === job && (outcome.code ?? 0) !== 0)
  }

  /** Nothing was left out so far, so every file has to be there. */
  #complete(): boolean {
    return this.outcomes.every(({ left }) => left === undefined || left.startsWith('done before'))
  }

  #functions(): Functions {
    return {
      always: () => true,
      hashFiles: (...patterns: string[]) =>
        patterns.some((one) => fs.existsSync(path.join(this.#o.repository, one))) ? 'hash' : '',
    }
  }
}

function entries<T>(record: Record<string, T> | undefined): [string, T][] {
  return Object.entries(record ?? {})
}

/** upload-artifact's patterns, read as those of a filter: in order, `!` takes out. */
function selected(repository: string, patterns: readonly string[]): string[] {
  return fs
    .readdirSync(repository, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map((entry) => path.relative(repository, path.join(entry.parentPath, entry.name)))
    .filter((file) =>
      matches(
        patterns.map((one) => one.replace(/^(!?)\.\//, '$1')),
        file,
      ),
    )
}
