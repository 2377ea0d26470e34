import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Envelope } from '../../scripts/run.ts'

declare const __ROOT__: string
/** This project's folder; the guard puts it in. */
export const root: string = __ROOT__

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
}

/** A checkout of its own, with the real runner and the tasks of test/fixtures/tasks. Gone when the process ends. */
export class Checkout {
  readonly root: string
  /** A folder for what the tasks write. */
  readonly work: string

  constructor() {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-checkout-'))
    process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
    this.root = path.join(folder, 'aqua')
    this.work = path.join(folder, 'work')
    fs.mkdirSync(this.work)
    fs.mkdirSync(path.join(this.root, 'tasks'), { recursive: true })
    fs.cpSync(path.join(root, 'scripts'), path.join(this.root, 'scripts'), { recursive: true })
    fs.copyFileSync(path.join(root, 'package.json'), path.join(this.root, 'package.json'))
    fs.symlinkSync(path.join(root, 'node_modules'), path.join(this.root, 'node_modules'))
    const tasks = path.join(root, 'test', 'fixtures', 'tasks')
    for (const name of fs.readdirSync(tasks)) {
      const text = fs.readFileSync(path.join(tasks, name), 'utf8')
      fs.writeFileSync(this.file('tasks', name), text.replaceAll("'../../../scripts/", "'../scripts/"))
    }
  }

  file(...names: string[]): string {
    return path.join(this.root, ...names)
  }

  /** A file that a task writes, by its lines; empty when there is none. */
  lines(name: string): string[] {
    const file = path.join(this.work, name)
    return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
  }

  clear(): void {
    for (const name of fs.readdirSync(this.work)) fs.rmSync(path.join(this.work, name))
  }

  start(argv: readonly string[], env: Record<string, string> = {}): { child: ChildProcess; ended: Promise<Ran> } {
    const child = spawn(process.execPath, [this.file('scripts', 'aqua.cjs'), ...argv], {
      cwd: this.work,
      env: { PATH: process.env.PATH, HOME: this.work, WORK: this.work, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ran: Ran = { code: null, stdout: '', stderr: '' }
    child.stdout?.on('data', (data) => {
      ran.stdout += data
    })
    child.stderr?.on('data', (data) => {
      ran.stderr += data
    })
    const ended = new Promise<Ran>((resolve) => child.once('close', (code) => resolve({ ...ran, code })))
    return { child, ended }
  }

  run(argv: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
    return this.start(argv, env).ended
  }
}

/** The one envelope on stdout; anything beside it does not parse. */
export function envelope(ran: Ran): Envelope {
  return JSON.parse(ran.stdout) as Envelope
}

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Until `check` holds; throws after `ms`. */
export async function eventually(check: () => boolean, ms = 5000): Promise<void> {
  const end = Date.now() + ms
  while (!check()) {
    if (Date.now() > end) throw new Error(`not so after ${ms} ms: ${check}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
