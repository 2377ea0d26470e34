import path from 'node:path'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import type { CommandResult, EnvMap } from '../scripts/step.ts'
import type { Stage } from '../scripts/task.ts'

/** The oldest Compose that reads our files (`additional_contexts`, `!override`, `depends_on.required`). */
export const oldestCompose = '2.26.0'

/** The client to call. A machine may have several; `AQUA_DOCKER` decides (a path, or `podman`). */
export function dockerProgram(ctx: Pick<Context, 'env'>): string {
  return ctx.env.AQUA_DOCKER || 'docker'
}

/** One environment of the stack: which files describe it and which values fill them. */
export interface Stack {
  stage: Stage
  /** Compose's project name: containers, volumes and networks carry it. */
  project: string
  /** Base and overlay, absolute. */
  files: readonly string[]
  /** Every value the files ask for; handed over as process environment, so that no character of it is interpreted. */
  env: EnvMap
  docker: string
}

const overlays: Record<Stage, string> = {
  dev: 'docker-compose.override.dev.yml',
  stage: 'docker-compose.override.stage.yml',
  prod: 'docker-compose.override.prod.yml',
}

export function composeFiles(root: string, stage: Stage): string[] {
  const folder = path.join(root, 'docker', 'compose')
  return [path.join(folder, 'docker-compose.yml'), path.join(folder, overlays[stage])]
}

/** `docker compose` with the stack's files and project, followed by `args`. */
export function compose(stack: Stack, ...args: string[]): string[] {
  return [stack.docker, 'compose', '-p', stack.project, ...stack.files.flatMap((file) => ['-f', file]), ...args]
}

/** True when `found` is `wanted` or newer; both as dotted numbers, anything after them ignored. */
export function atLeast(found: string, wanted: string): boolean {
  const numbers = (version: string) => (/\d+(\.\d+)*/.exec(version)?.[0] ?? '0').split('.').map(Number)
  const a = numbers(found)
  const b = numbers(wanted)
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}

/** Why a docker command could not reach its engine, as an error with the way out; undefined for other failures. */
export function engineError(result: CommandResult, docker: string): AquaError | undefined {
  if (result.code === 127)
    return new AquaError('ENGINE_MISSING', `${docker} is not installed`, { exit: 'missing', hint: 'aqua doctor --fix' })
  const said = `${result.stderr}\n${result.stdout}`
  if (/permission denied.*docker(\.sock| daemon| API)/is.test(said))
    return new AquaError('ENGINE_DENIED', 'this user may not talk to the Docker engine', {
      exit: 'missing',
      hint: 'sudo usermod -aG docker "$USER", then log in again',
    })
  if (
    /cannot connect to the docker daemon|is the docker daemon running|error during connect|failed to connect to the docker API/i.test(
      said,
    )
  )
    return new AquaError('ENGINE_DOWN', 'the Docker engine does not answer', {
      exit: 'missing',
      hint: 'start Docker Desktop or the docker service, or let aqua doctor --fix do it',
    })
  if (/is not a docker command|unknown (shorthand )?flag|unknown command: docker compose/i.test(said))
    return new AquaError('COMPOSE_MISSING', 'this docker has no compose plugin', {
      exit: 'missing',
      hint: 'aqua doctor --fix',
    })
  return undefined
}
