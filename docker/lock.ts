import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Context } from '../scripts/context.ts'
import { AquaError, hasCode } from '../scripts/error.ts'
import type { ActStep } from '../scripts/step.ts'

interface Holder {
  pid: number
  task: string
  since: string
  cwd: string
}

/** Machine-wide, because the engine is: two checkouts with one project name would undo each other. */
export function lockFile(project: string): string {
  return path.join(os.tmpdir(), `aqua-${process.getuid?.() ?? 'user'}`, `${project}.lock`)
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return hasCode(error, 'EPERM')
  }
}

/** Take the lock or say who has it. A dead holder's lock is taken over. Released when the process ends, however it ends. */
export function takeLock(file: string, holder: Holder): () => void {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  for (let attempt = 0; attempt < 1000; attempt++) {
    try {
      // Written elsewhere and linked into place: nobody ever reads half a lock.
      const mine = `${file}.${process.pid}`
      fs.writeFileSync(mine, JSON.stringify(holder))
      try {
        fs.linkSync(mine, file)
      } finally {
        fs.rmSync(mine)
      }
      const release = () => {
        // Only our own: released before, it may be somebody else's by now.
        if (read(file)?.pid === holder.pid) fs.rmSync(file, { force: true })
      }
      process.once('exit', release)
      return release
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
      const other = read(file)
      if (other && alive(other.pid))
        throw new AquaError(
          'LOCKED',
          `aqua ${other.task} is at work on this stack (pid ${other.pid}, since ${other.since}, in ${other.cwd})`,
          {
            hint: `wait for it, or end it with: kill -INT ${other.pid}`,
          },
        )
      removeDead(file)
    }
  }
  throw new AquaError('LOCKED', `the lock ${file} cannot be taken`, { hint: 'look at that file' })
}

/** A gate is held for one look and one removal; one as old as this was left by a process that was killed in between. */
const gateMs = 5000

/**
 * Remove a dead holder's lock. One process at a time, and with another look at the holder: whoever comes second must not
 * remove the lock that the first has taken meanwhile.
 */
function removeDead(file: string): void {
  const gate = `${file}.gate`
  try {
    fs.mkdirSync(gate)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
    const age = Date.now() - (fs.statSync(gate, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > gateMs) fs.rmSync(gate, { recursive: true, force: true })
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    return
  }
  try {
    const holder = read(file)
    if (!holder || !alive(holder.pid)) fs.rmSync(file, { force: true })
  } finally {
    fs.rmSync(gate, { recursive: true, force: true })
  }
}

function read(file: string): Holder | undefined {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

/** The first step of every task that changes the stack. */
export function lockStep(ctx: Context, project: string, task: string): ActStep {
  return {
    title: `hold ${project}`,
    effect: 'read',
    would: [`take the lock ${lockFile(project)}`],
    async act() {
      takeLock(lockFile(project), {
        pid: process.pid,
        task,
        since: ctx.now().toISOString().slice(11, 19),
        cwd: ctx.cwd,
      })
    },
  }
}
