import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { writeFileWhole } from '../../docker/state.ts'
import type { Context } from '../../scripts/context.ts'
import { AquaError, hasCode } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
import { calendar } from './cron.ts'
import type { Job } from './job.ts'

/** Whose systemd: the machine's for root, else the person's own. */
export interface Scope {
  user: boolean
  folder: string
}

const mark = '# Written by aqua schedule install; aqua schedule remove takes it away.'

/** The systemd that this user may give timers to; undefined where there is none. */
export async function scopeOf(ctx: Pick<Context, 'env' | 'probe' | 'platform'>): Promise<Scope | undefined> {
  if (ctx.platform !== 'linux') return undefined
  // What sd_booted(3) looks at: the program may be installed where it does not run.
  const booted = await fs.stat('/run/systemd/system').catch(() => undefined)
  if (!booted) return undefined
  if (process.getuid?.() === 0) return { user: false, folder: '/etc/systemd/system' }
  const { code } = await ctx.probe(['systemctl', '--user', 'show-environment'])
  return code === 0 ? { user: true, folder: userFolder(ctx.env) } : undefined
}

export function userFolder(env: Context['env']): string {
  return path.join(env.XDG_CONFIG_HOME || path.join(env.HOME || os.homedir(), '.config'), 'systemd', 'user')
}

/** In quotes, systemd.syntax(7); `$` and `%` stand for themselves. */
function quoted(word: string): string {
  return `"${word.replaceAll(/[\\"]/g, '\\$&').replaceAll('$', '$$$$').replaceAll('%', '%%')}"`
}

/** Service and timer, as file name → text. */
export function unitFiles(job: Job, scope: Pick<Scope, 'user'>): Map<string, string> {
  const [program = '', ...args] = job.argv
  const network = scope.user ? [] : ['Wants=network-online.target', 'After=network-online.target docker.service']
  const service = [
    mark,
    '[Unit]',
    `Description=${job.name.replaceAll('%', '%%')}`,
    ...network,
    '',
    '[Service]',
    'Type=oneshot',
    `WorkingDirectory=${job.root.replaceAll('%', '%%')}`,
    `ExecStart=${program} ${args.map(quoted).join(' ')}`,
    'Nice=10',
    '',
  ]
  const timer = [
    mark,
    '[Unit]',
    `Description=${job.name.replaceAll('%', '%%')}, on time`,
    '',
    '[Timer]',
    ...calendar(job.cron).map((line) => `OnCalendar=${line}`),
    // A machine that was off makes up for it once.
    'Persistent=true',
    '',
    '[Install]',
    'WantedBy=timers.target',
    '',
  ]
  return new Map([
    [`${job.name}.service`, service.join('\n')],
    [`${job.name}.timer`, timer.join('\n')],
  ])
}

export function systemctl(scope: Scope, ...args: string[]): string[] {
  return ['systemctl', ...(scope.user ? ['--user'] : []), ...args]
}

export async function installUnits(io: Io, job: Job, scope: Scope): Promise<void> {
  for (const [name, text] of unitFiles(job, scope)) {
    const file = path.join(scope.folder, name)
    await ownOrAbsent(file)
    await writeFileWhole(file, text)
    await fs.chmod(file, 0o644)
  }
  await io.run(systemctl(scope, 'daemon-reload'))
  await io.run(systemctl(scope, 'enable', `${job.name}.timer`))
  // Not only started: a timer that runs keeps its old time.
  await io.run(systemctl(scope, 'restart', `${job.name}.timer`))
}

/** Whether there was something of ours to remove. */
export async function removeUnits(io: Io, name: string, scope: Scope): Promise<boolean> {
  const files = [`${name}.timer`, `${name}.service`].map((file) => path.join(scope.folder, file))
  const present = (await Promise.all(files.map(ownOrAbsent))).some(Boolean)
  if (!present) return false
  await io.run(systemctl(scope, 'disable', '--now', `${name}.timer`))
  for (const file of files) await fs.rm(file, { force: true })
  await io.run(systemctl(scope, 'daemon-reload'))
  return true
}

/** True for a unit of ours, false for none; a unit that somebody else wrote is left alone, loudly. */
async function ownOrAbsent(file: string): Promise<boolean> {
  try {
    if ((await fs.readFile(file, 'utf8')).startsWith(mark)) return true
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
  throw new AquaError('UNIT_FOREIGN', `${file} was not written by aqua`, { exit: 'refused', hint: 'move it away' })
}

/** What systemd says of the timer, or undefined when it is not installed. */
export async function shownUnits(
  io: Pick<Io, 'probe'>,
  name: string,
  scope: Scope,
): Promise<{ where: string; next: string; last: string } | undefined> {
  const file = path.join(scope.folder, `${name}.timer`)
  if (!(await ownOrAbsent(file))) return undefined
  const ask = async (unit: string, property: string) =>
    (await io.probe(systemctl(scope, 'show', unit, '--value', '-p', property))).stdout.trim()
  const result = await ask(`${name}.service`, 'Result')
  const at = await ask(`${name}.service`, 'ExecMainExitTimestamp')
  return {
    where: file,
    next: await ask(`${name}.timer`, 'NextElapseUSecRealtime'),
    last: at ? `${result}, ${at}` : 'has not run yet',
  }
}
