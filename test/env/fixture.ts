import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { LoadContext } from '../../env/load.ts'
import { type AquaError, isAquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'

export interface Project extends LoadContext {
  write(name: string, text: string, mode?: number): void
  read(name: string): string
  mode(name: string): number
  /** The names in env/, to see what was left behind. */
  names(): string[]
}

const roots: string[] = []
process.on('exit', () => {
  for (const root of roots) fs.rmSync(root, { recursive: true, force: true })
})

/** A folder of its own with an empty env/ in it. */
export function project(env: Record<string, string> = {}): Project {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-env-'))
  roots.push(root)
  fs.mkdirSync(path.join(root, 'env'))
  const at = (name: string) => path.join(root, 'env', name)
  return {
    root,
    env,
    platform: process.platform,
    write(name, text, mode = 0o600) {
      fs.writeFileSync(at(name), text)
      fs.chmodSync(at(name), mode)
    },
    read: (name) => fs.readFileSync(at(name), 'utf8'),
    mode: (name) => fs.statSync(at(name)).mode & 0o777,
    names: () => fs.readdirSync(path.join(root, 'env')).sort(),
  }
}

export interface Spoken {
  io: Io
  notes: string[]
  printed: string[]
  titles: string[]
  result: Record<string, unknown>
}

/** An Io that keeps what a step says. */
export function listen(): Spoken {
  const spoken = { notes: [] as string[], printed: [] as string[], titles: [] as string[], result: {} }
  const io = {
    done: (title: string) => spoken.titles.push(title),
    result: (value: Record<string, unknown>) => Object.assign(spoken.result, value),
    out: {
      note: (text: string) => spoken.notes.push(text),
      print: (text: string) => spoken.printed.push(text),
    },
  } as unknown as Io
  return { ...spoken, io }
}

/** The AquaError that something ends with. */
export async function failure(work: () => unknown): Promise<AquaError> {
  try {
    await work()
  } catch (error) {
    if (isAquaError(error)) return error
    throw error
  }
  throw new Error('it succeeded')
}
