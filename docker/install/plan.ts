import { createInterface } from 'node:readline/promises'
import type { Context } from '../../scripts/context.ts'
import { AquaError, Interrupted } from '../../scripts/error.ts'
import type { Step } from '../../scripts/step.ts'
import { daemonSteps } from './daemon.ts'
import { lacking, lookAtMachine, type Machine } from './machine.ts'
import { packagesOf } from './os-release.ts'
import { packageSteps } from './packages.ts'

/** What brings this machine an engine that runs; empty when it has one. A pure function of what was found. */
export function planFix(machine: Machine): Step[] {
  const missing = lacking(machine)
  const tools = missing.client || missing.compose || missing.buildx
  if (!tools && machine.info.server) return missing.mmdebstrap ? optionalSteps(machine) : []
  if (missing.client && machine.docker !== 'docker')
    throw new AquaError('CLIENT_MISSING', `AQUA_DOCKER names ${machine.docker}, which is not installed`, {
      exit: 'missing',
      hint: 'correct or unset AQUA_DOCKER',
    })
  if (machine.info.error?.code === 'ENGINE_DENIED') throw machine.info.error
  if (machine.platform !== 'linux' || machine.os === undefined || packagesOf(machine.os) === undefined)
    throw byHand(machine)
  if (machine.info.server === undefined && machine.elsewhere !== undefined && machine.info.client)
    throw new AquaError('ENGINE_ELSEWHERE', `${machine.elsewhere} names an engine that does not answer`, {
      exit: 'missing',
      hint: 'start that engine, or unset DOCKER_HOST or choose another with docker context use default',
    })
  return [...packageSteps(machine), ...(machine.info.server ? [] : daemonSteps(machine))]
}

/** mmdebstrap is for `--images debian` alone: without the rights to install it nothing else is kept from working. */
function optionalSteps(machine: Machine): Step[] {
  return machine.platform === 'linux' && (machine.root || machine.sudo === 'free') ? packageSteps(machine) : []
}

function byHand({ platform, os, info }: Machine): AquaError {
  const what = info.client ? 'a running engine with compose and buildx' : 'Docker'
  const hints: Partial<Record<NodeJS.Platform, string>> = {
    darwin: info.client
      ? 'start Docker Desktop, OrbStack or colima (colima start --memory 6)'
      : 'install Docker Desktop, OrbStack, or colima with docker, docker-compose and docker-buildx, and start it',
    win32: 'install Docker Desktop with its WSL 2 engine, and run aqua inside WSL',
    linux:
      'install your distribution\'s docker engine with the packages for "docker compose" and "docker buildx", and start its service',
  }
  return new AquaError('BY_HAND', `aqua cannot install ${what} on ${os?.pretty ?? platform}`, {
    exit: 'missing',
    hint: hints[platform] ?? 'install Docker Engine, Compose 2.26 or newer, and buildx',
  })
}

/**
 * The steps that repair this machine, for `doctor --fix` and `quickstart`. Says what is going to be installed and, at a
 * terminal and without `--yes`, asks; without a terminal it goes on.
 */
export async function fixSteps(ctx: Context): Promise<Step[]> {
  const steps = planFix(await lookAtMachine(ctx))
  const writes = steps.filter(({ effect }) => effect === 'write').map(({ title }) => title)
  if (writes.length === 0 || ctx.dryRun) return steps
  ctx.note(`this machine gets: ${writes.join('; ')}`)
  if (ctx.interactive && !ctx.yes) await ask('Go on? [Y/n] ')
  return steps
}

async function ask(question: string): Promise<void> {
  const reader = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      // While it reads a line it has the keyboard, and Ctrl-C comes here instead of as a signal.
      reader.once('SIGINT', () => reject(new Interrupted('SIGINT')))
      reader.once('close', () => resolve('no'))
      reader.question(question).then(resolve, reject)
    })
    if (!/^(y|yes|)$/i.test(answer.trim()))
      throw new AquaError('NOT_CONFIRMED', 'nothing was installed', {
        exit: 'refused',
        hint: 'aqua doctor --fix --dry-run shows every command',
      })
  } finally {
    reader.close()
  }
}
