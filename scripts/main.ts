import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { run } from './run.ts'
import type { TaskSpec } from './task.ts'

/** Load one task by name, and run it. The bundle keeps each task in a chunk of its own beside this one. */
export async function runTask(name: string, argv: readonly string[]): Promise<number> {
  const here = path.dirname(fileURLToPath(import.meta.url))
  const file = pathToFileURL(path.join(here, 'tasks', `${name}.js`)).href
  const { default: spec } = (await import(file)) as { default: TaskSpec }
  return run({ name, spec, argv, root: path.dirname(here) })
}
