import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import { unwrap } from '../scripts/secret.ts'
import type { ActStep, CommandResult, Io } from '../scripts/step.ts'
import { compose, type Stack } from './engine.ts'
import { waitHealthy } from './health.ts'
import { type Container, containersOf, imagesOf, serviceOf } from './inspect.ts'
import { imageName } from './serviceimages.ts'
import { services } from './services.ts'
import { readState, writeState } from './state.ts'

/** What the last `up` of a project ended with. */
interface Running {
  description: string
  containers: string[]
}

export interface StartOptions {
  stack(): Stack
  wanted: ReadonlySet<string>
  /** The services named by hand; undefined means all. */
  only: readonly string[] | undefined
  timeout: number
  force: boolean
}

/**
 * Everything that decides what the containers are: the files compose reads, every value, the images' ids. Equal text means
 * that `compose up` would change nothing.
 */
async function describe(
  ctx: Context,
  io: Pick<Io, 'probe'>,
  stack: Stack,
  wanted: ReadonlySet<string>,
): Promise<string> {
  const hash = createHash('sha256')
  const folder = path.join(ctx.root, 'docker', 'compose')
  for (const entry of fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1)))
    if (entry.isFile()) hash.update(`${entry.name}\0${fs.readFileSync(path.join(entry.parentPath, entry.name))}\0`)
  for (const [name, value] of Object.entries(stack.env).sort(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${name}=${value === undefined ? '' : unwrap(value)}\0`)
  const names = [
    ...services.map((service) => imageName(stack.env, service)),
    stack.env.POSTGRES_IMAGE,
    stack.env.REDIS_IMAGE,
    stack.env.MINIO_IMAGE,
  ].map(String)
  const images = await imagesOf(io, stack.docker, names)
  hash.update(names.map((name) => `${name} ${images.get(name)?.Id}`).join('\n'))
  return hash.update([...wanted].sort().join(' ')).digest('hex')
}

function allReady(containers: readonly Container[], remembered: Running, wanted: ReadonlySet<string>): boolean {
  const ids = containers.filter((one) => wanted.has(serviceOf(one))).map((one) => one.Id)
  return (
    ids.length === wanted.size &&
    ids.every((id) => remembered.containers.includes(id)) &&
    containers.every(({ State }) =>
      State.Status === 'running'
        ? (State.Health?.Status ?? 'healthy') === 'healthy'
        : State.Status === 'exited' && State.ExitCode === 0,
    )
  )
}

/** Create what is missing or changed, start it, and wait until all of it is healthy. */
export function startStep(ctx: Context, options: StartOptions): ActStep {
  const args = ['up', '--detach', '--no-build', '--remove-orphans', ...(options.only ?? [])]
  let before: Container[] = []
  let touched = false
  return {
    title: 'start',
    effect: 'write',
    would: [
      compose(options.stack(), ...args).join(' '),
      `wait up to ${options.timeout} s for ${options.wanted.size} containers`,
    ],
    async act(io) {
      const stack = options.stack()
      const name = `up-${stack.project}`
      const [description, found, remembered] = await Promise.all([
        describe(ctx, io, stack, options.wanted),
        containersOf(io, stack.docker, stack.project),
        readState<Running>(ctx, name),
      ])
      before = found
      if (!options.force && remembered?.description === description && allReady(before, remembered, options.wanted))
        return io.done(`start: all ${options.wanted.size} containers are running and healthy`)
      touched = true
      const ready = await createAndWait(io, stack, args, options, before)
      await writeState(ctx, name, { description, containers: ready.map((container) => container.Id) } satisfies Running)
      const started = ready.filter((container) => !before.some((other) => other.Id === container.Id)).length
      io.done(`start: ${ready.length} containers healthy${started > 0 ? `, ${started} of them new` : ''}`)
    },
    async onInterrupt(io) {
      if (!touched) return
      const stack = options.stack()
      if (before.length === 0) {
        await io.run(compose(stack, 'down', '--timeout', '5'), { env: stack.env })
        return
      }
      const known = new Set(before.map((container) => container.Id))
      const fresh = (await containersOf(io, stack.docker, stack.project)).filter(
        (container) => !known.has(container.Id),
      )
      if (fresh.length > 0) await io.run([stack.docker, 'rm', '--force', ...fresh.map((container) => container.Id)])
    },
  }
}

/**
 * Containers that compose will replace, by its own rule: its hash of the service's settings, or the image, is another one.
 * Only a running crash loop makes the difference matter, so a compose that gives no hash costs nothing but promptness.
 */
async function staleOf(io: Io, stack: Stack, before: readonly Container[]): Promise<Set<string>> {
  if (before.length === 0) return new Set()
  const [hashed, images] = await Promise.all([
    io.probe(compose(stack, 'config', '--hash', '*'), { env: stack.env }),
    imagesOf(io, stack.docker, [...new Set(before.map((container) => container.Config.Image))]),
  ])
  const hashes = new Map(hashed.stdout.split('\n').map((line) => line.split(' ') as [string, string]))
  const changed = (container: Container) =>
    hashes.get(serviceOf(container)) !== container.Config.Labels['com.docker.compose.config-hash'] ||
    images.get(container.Config.Image)?.Id !== container.Image
  return new Set(before.filter(changed).map((container) => container.Id))
}

/** `compose up` and our wait side by side: compose waits for dependencies without end and without a reason. */
async function createAndWait(
  io: Io,
  stack: Stack,
  args: readonly string[],
  options: StartOptions,
  before: readonly Container[],
): Promise<Container[]> {
  const stale = await staleOf(io, stack, before)
  const stop = new AbortController()
  let creating = true
  const up = io
    .run(compose(stack, '--progress', 'plain', ...args), {
      env: stack.env,
      signal: stop.signal,
      explain: (result) => startError(stack, result),
    })
    .finally(() => {
      creating = false
    })
  const wait = waitHealthy(io, {
    docker: stack.docker,
    project: stack.project,
    wanted: options.wanted,
    timeout: options.timeout,
    restartsBefore: new Map(before.map((container) => [container.Id, container.RestartCount])),
    creating: () => creating,
    stop: stop.signal,
    stale,
  })
  try {
    const [ready] = await Promise.all([wait, up])
    return ready
  } catch (error) {
    // "dependency failed to start" names no reason; our own verdict does, some restarts later.
    const vague = error instanceof AquaError && error.code === 'DEPENDENCY'
    const best = vague
      ? await Promise.race([wait.catch((better: unknown) => better), io.sleep(10_000).then(() => error)])
      : error
    stop.abort()
    await Promise.allSettled([up, wait])
    throw best
  }
}

/** Compose's sentences for what only it sees, with a hint. */
function startError(stack: Stack, result: CommandResult): AquaError | undefined {
  const said = result.stderr
  if (/dependency failed to start|dependency .* failed|didn't complete successfully/i.test(said))
    return new AquaError('DEPENDENCY', said.trim().split('\n').at(-1) ?? 'a dependency did not start', {
      exit: 'unhealthy',
      hint: 'aqua ps, then aqua logs <service>',
    })
  const [, missing] = /(?:No such image: |unable to get image '?|pull access denied for )([^\s,']+)/.exec(said) ?? []
  if (missing)
    return new AquaError('IMAGE_MISSING', `there is no image ${missing}`, {
      exit: 'missing',
      details: said.trim().split('\n').slice(-3),
      hint:
        stack.stage === 'dev'
          ? 'leave out --no-build'
          : `set IMAGE_PREFIX and IMAGE_TAG in env/.env.${stack.stage} to images that exist, or docker login`,
    })
  return undefined
}
