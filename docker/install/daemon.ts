import { readFile } from 'node:fs/promises'
import { AquaError } from '../../scripts/error.ts'
import type { Io, Step } from '../../scripts/step.ts'
import { engineInfo } from '../requirements/info.ts'
import type { Machine } from './machine.ts'
import { asRoot } from './sudo.ts'

export const daemonLog = '/var/log/dockerd.log'

/** A first start unpacks nothing and takes 1–2 s here; a machine with many containers to restore takes longer. */
const deadlineMs = 60_000

/** Start the engine and wait until it answers. */
export function daemonSteps(machine: Machine, logFile = daemonLog): Step[] {
  return [
    ...(machine.alive ? [] : startSteps(machine, logFile)),
    {
      title: 'the Docker engine answers',
      effect: 'read',
      would: [`${machine.docker} info, until it answers (${deadlineMs / 1000} s at most)`],
      act: (io) => waitForEngine(io, machine, logFile),
    },
  ]
}

function startSteps(machine: Machine, logFile: string): Step[] {
  const stale = machine.systemd ? [] : machine.stale
  return [
    ...(stale.length > 0
      ? [
          asRoot(machine, {
            title: 'remove the pid files of an engine that is gone',
            effect: 'write',
            argv: ['rm', '-f', ...stale],
          }),
        ]
      : []),
    asRoot(machine, {
      title: 'start the Docker engine',
      effect: 'write',
      argv: machine.systemd ? ['systemctl', 'enable', '--now', 'docker'] : ['sh', '-c', detached(logFile)],
    }),
  ]
}

/**
 * A session of its own with nothing of ours open: it outlives aqua, and Ctrl-C or a closed terminal pass it by. The log
 * starts anew, so that an earlier failure is not taken for this one, and the one before is kept.
 */
function detached(logFile: string): string {
  return [
    `mv -f ${logFile} ${logFile}.1 2>/dev/null`,
    // Where dockerd and iptables are; a user's PATH, and so sudo's, may not say.
    'PATH="$PATH:/usr/sbin:/sbin"',
    `exec setsid --fork dockerd >${logFile} 2>&1 </dev/null`,
  ].join('; ')
}

/** Poll until the engine answers; give up when its log says that it died, or at the deadline. */
export async function waitForEngine(
  io: Io,
  machine: Pick<Machine, 'docker' | 'systemd'>,
  logFile: string,
): Promise<void> {
  const deadline = Date.now() + deadlineMs
  for (;;) {
    const { server, error } = await engineInfo(io, machine.docker)
    if (server) return io.done(`the Docker engine answers (${server.version})`)
    // It runs, and this user is not one of its group: no waiting helps.
    if (error?.code === 'ENGINE_DENIED') throw error
    const log = machine.systemd ? [] : await tail(logFile)
    const died = log.some((line) =>
      /failed to start daemon|failed to load listeners|unable to configure the daemon/i.test(line),
    )
    if (died || Date.now() > deadline)
      throw new AquaError(
        'ENGINE_FAILED',
        died ? 'the Docker engine did not start' : 'the Docker engine does not answer',
        {
          exit: 'missing',
          details: machine.systemd ? await journal(io) : log,
          hint: machine.systemd ? 'journalctl -u docker shows the rest' : `${logFile} has the rest`,
        },
      )
    io.progress(log.at(-1) ?? '')
    await io.sleep(250)
  }
}

async function tail(logFile: string): Promise<string[]> {
  const text = await readFile(logFile, 'utf8').catch(() => '')
  return text.trimEnd().split('\n').slice(-15)
}

async function journal(io: Io): Promise<string[]> {
  return (await io.probe(['journalctl', '-u', 'docker', '-n', '15', '--no-pager', '-o', 'cat'])).stdout
    .trimEnd()
    .split('\n')
}
