import { forCompose, type Loaded, loadEnv, plain } from '../env/load.ts'
import type { Context } from '../scripts/context.ts'
import type { Stage } from '../scripts/task.ts'
import { composeFiles, dockerProgram, type Stack } from './engine.ts'
import type { ImageKey } from './images/catalogue.ts'
import type { WantedPort } from './ports.ts'
import { backing, initOf, isReplaced, type Service, services } from './services.ts'
import { chosenSource, type ImageSource, imageNames } from './thirdparty.ts'

/** A stage's stack with its values. `fileOptional`: for tasks that only look or stop, which need no secret to do it. */
export async function loadStack(
  ctx: Context,
  stage: Stage,
  options: { fileOptional?: boolean; images?: ImageSource | undefined } = {},
): Promise<{ stack: Stack; loaded: Loaded }> {
  const loaded = await loadEnv(ctx, stage, options)
  const env = forCompose(loaded)
  const { source } = await chosenSource(ctx, options.images)
  const project = ctx.env.COMPOSE_PROJECT_NAME || plain(loaded, 'COMPOSE_PROJECT_NAME') || `aquastream-${stage}`
  const stack: Stack = {
    stage,
    project,
    files: composeFiles(ctx.root, stage),
    env: withImages(env, imageNames(source, env, String(env.AQUA_REGISTRY ?? ''))),
    docker: dockerProgram(ctx),
  }
  return { stack, loaded }
}

/** The names of the third-party images, as the compose files ask for them. */
export function withImages(env: Stack['env'], names: Record<ImageKey, string>): Stack['env'] {
  const { POSTGRES_IMAGE, REDIS_IMAGE, MINIO_IMAGE, RUNTIME_IMAGE } = names
  return { ...env, POSTGRES_IMAGE, REDIS_IMAGE, MINIO_IMAGE, RUNTIME_IMAGE }
}

/** Enough of the environment for compose to read its files when there is nothing to start: down, ps. */
export function placeholders(stack: Stack): Stack {
  const blank = new Set([...services, ...backing].flatMap(({ variables }) => Object.values(variables)))
  // A value of these takes a container away.
  for (const { replacedBy } of backing) if (replacedBy) blank.delete(replacedBy)
  const env = {
    ...Object.fromEntries([...blank, 'IMAGE_PREFIX', 'IMAGE_TAG'].map((name) => [name, 'unset'])),
    ...stack.env,
  }
  return { ...stack, env }
}

/** A service with everything it waits for, by compose name. `env`: values that take a container away. */
export function closure(wanted: readonly Service[], env: Stack['env'] = {}): Set<string> {
  const names = new Set<string>()
  const add = (service: Service) => {
    if (names.has(service.name)) return
    names.add(service.name)
    for (const need of service.needs) {
      if (!isReplaced(need, (variable) => env[variable])) names.add(need)
      const init = initOf(need)
      if (init) names.add(init)
    }
    for (const name of service.after) {
      const other = services.find((candidate) => candidate.name === name)
      if (other) add(other)
    }
  }
  for (const service of wanted) add(service)
  return names
}

/** The ports that a stage publishes on this machine. */
export function publishedPorts(
  stage: Stage,
  env: Stack['env'],
  containers: ReadonlySet<string>,
): (WantedPort & { target: number })[] {
  const host = stage === 'dev' ? '127.0.0.1' : String(env.GATEWAY_BIND ?? '127.0.0.1')
  const port = (container: string, variable: string, target: number) => ({
    port: Number(env[variable] ?? target),
    host,
    variable,
    container,
    target,
  })
  const all = [
    ...backing.flatMap(({ name, ports }) =>
      Object.entries(ports).map(([target, variable]) => port(name, variable, Number(target))),
    ),
    ...services.map(({ name, portVariable, port: target }) => port(name, portVariable, target)),
  ]
  return all.filter(
    ({ container }) => containers.has(container) && (stage === 'dev' || container === 'backend-gateway'),
  )
}
