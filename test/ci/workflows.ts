import fs from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import { githubFiles } from '../../ci/install.ts'
import { root } from '../docker/fixture.ts'

export interface StepSpec {
  id?: string
  name?: string
  if?: string
  uses?: string
  run?: string
  with?: Record<string, unknown>
  env?: Record<string, unknown>
  shell?: string
  'working-directory'?: string
}

export interface JobSpec {
  name?: string
  if?: string
  needs?: string | string[]
  'runs-on'?: string
  'timeout-minutes'?: number
  permissions?: Record<string, string> | string
  strategy?: { 'fail-fast'?: boolean; matrix?: Record<string, unknown> }
  env?: Record<string, unknown>
  outputs?: Record<string, string>
  environment?: unknown
  uses?: string
  with?: Record<string, unknown>
  secrets?: unknown
  steps?: StepSpec[]
}

export interface Workflow {
  name: string
  on: Record<string, Filter | null>
  permissions?: unknown
  concurrency?: { group?: string; 'cancel-in-progress'?: unknown }
  env?: Record<string, string>
  defaults?: { run?: { 'working-directory'?: string } }
  jobs: Record<string, JobSpec>
}

export interface Filter {
  branches?: string[]
  tags?: string[]
  paths?: string[]
  types?: string[]
  inputs?: Record<string, unknown>
}

export interface Composite {
  inputs?: Record<string, { default?: string }>
  runs: { using: string; steps: StepSpec[] }
}

/** The text of every file, by its path from the repository's root. */
export type Files = ReadonlyMap<string, string>

/** `.github/` as committed: this project is the repository. */
export function alone(): Files {
  const folder = path.join(root, '.github')
  const names = fs.readdirSync(folder, { recursive: true, withFileTypes: true })
  return new Map(
    names
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
      .map((entry) => path.join(entry.parentPath, entry.name))
      .map((file) => [path.relative(root, file), fs.readFileSync(file, 'utf8')]),
  )
}

/** `.github/` as ci-install writes it: this project lies in backend-infra/. */
export async function inside(): Promise<Files> {
  return new Map((await githubFiles(root, 'backend-infra')).map(({ file, text }) => [file, text]))
}

const parsed = new Map<string, unknown>()
/** Mutation tests look at the same texts hundreds of times. */
function yaml(text: string): unknown {
  if (!parsed.has(text)) parsed.set(text, parse(text))
  return parsed.get(text)
}

export function workflows(files: Files): Map<string, Workflow> {
  return new Map(
    [...files]
      .filter(([file]) => /^\.github\/workflows\/.*\.yml$/.test(file))
      .map(([file, text]) => [path.basename(file, '.yml'), yaml(text) as Workflow]),
  )
}

export function actions(files: Files): Map<string, Composite> {
  return new Map(
    [...files]
      .filter(([file]) => /^\.github\/actions\/.*\/action\.yml$/.test(file))
      .map(([file, text]) => [`./${path.dirname(file)}`, yaml(text) as Composite]),
  )
}

export const listed = (value: string | string[] | undefined): string[] => (value === undefined ? [] : [value].flat())
