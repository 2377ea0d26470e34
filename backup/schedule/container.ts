import { compose, type Stack } from '../../docker/engine.ts'
import { containersOf, serviceOf } from '../../docker/inspect.ts'
import { backupContainer } from '../../docker/services.ts'
import type { CommandStep, Io } from '../../scripts/step.ts'

const { name } = backupContainer

/** Named in the compose file as external: `down --volumes` leaves it. */
export function volumeName(stack: Stack): string {
  return `${stack.project}_backup-artifacts`
}

/** Make the volume and the image, and start the container; nothing else of the stack is touched. */
export function containerSteps(stack: Stack): CommandStep[] {
  const own = (...args: string[]) => compose(stack, '--profile', name, ...args)
  const volume: CommandStep = {
    title: `volume ${volumeName(stack)}`,
    effect: 'write',
    argv: [stack.docker, 'volume', 'create', volumeName(stack)],
  }
  const build: CommandStep = {
    title: 'image of the backup container',
    effect: 'write',
    argv: own('build', '--quiet', name),
    env: stack.env,
  }
  const start: CommandStep = {
    title: 'start the backup container',
    effect: 'write',
    argv: own('up', '--detach', '--no-deps', '--no-build', name),
    env: stack.env,
  }
  return [volume, build, start]
}

export function removeContainerStep(stack: Stack): CommandStep {
  return {
    title: `remove the backup container; its sets stay in the volume ${volumeName(stack)}`,
    effect: 'write',
    argv: compose(stack, '--profile', name, 'rm', '--stop', '--force', name),
    env: stack.env,
  }
}

/** State of the backup container, e.g. `running`; undefined when there is none, or no engine to ask. */
export async function containerState(io: Pick<Io, 'probe'>, stack: Stack): Promise<string | undefined> {
  const found = await containersOf(io, stack.docker, stack.project).catch(() => [])
  return found.find((container) => serviceOf(container) === name)?.State.Status
}
