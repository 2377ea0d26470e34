import { refuseBadEnv } from '../env/check.ts'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import type { ActStep, Step } from '../scripts/step.ts'
import { table } from '../scripts/table.ts'
import type { Stage } from '../scripts/task.ts'
import type { Stack } from './engine.ts'
import { judge } from './health.ts'
import type { ImageKey } from './images/catalogue.ts'
import { containersOf, serviceOf } from './inspect.ts'
import { jarStep, planJars, requireJars } from './jars.ts'
import { findBuildTool, findJdk } from './jdk.ts'
import { lockStep } from './lock.ts'
import { preflight } from './preflight.ts'
import { imageStep } from './serviceimages.ts'
import { type Service, services } from './services.ts'
import { closure, loadStack, publishedPorts, withImages } from './stack.ts'
import { startStep } from './start.ts'
import { chosenSource, type ImageSource, thirdPartyStep } from './thirdparty.ts'
import { checkDataVolume } from './volume.ts'
import { findWorkspace } from './workspace.ts'

export interface UpOptions {
  stage: Stage
  /** Empty: all. */
  only: readonly Service[]
  build: boolean
  force: boolean
  why: boolean
  /** Seconds. */
  timeout: number
  images: ImageSource | undefined
}

/** From whatever state to a healthy stack: preflight, images, jars, images of ours, start, wait, table. */
export async function upSteps(ctx: Context, options: UpOptions): Promise<Step[]> {
  const { stage } = options
  const { stack: initial, loaded } = await loadStack(ctx, stage, { images: options.images })
  for (const warning of refuseBadEnv(loaded))
    if (warning.kind !== 'placeholder') ctx.note(`${warning.file}: ${warning.message}`)
  const wanted = closure(options.only.length > 0 ? options.only : services)
  const builds = stage === 'dev' && options.build
  const workspace = stage === 'dev' ? findWorkspace(ctx) : undefined
  const remembered = await chosenSource(ctx, options.images)
  const building = services.filter((service) => wanted.has(service.name))
  const { docker } = initial
  const inContainer = workspace
    ? findJdk(ctx) === undefined || findBuildTool(workspace.root, ctx) === 'container'
    : false
  // The JDK image is needed only when there is something to build with it.
  const jarsStale =
    builds && workspace && inContainer ? (await planJars(ctx, workspace, options.force)).reason !== undefined : false
  const needs: ImageKey[] = [
    'POSTGRES_IMAGE',
    'REDIS_IMAGE',
    'MINIO_IMAGE',
    ...(builds ? (['RUNTIME_IMAGE'] as const) : []),
    ...(jarsStale ? (['JDK_IMAGE'] as const) : []),
  ]
  const mirror = String(initial.env.AQUA_REGISTRY ?? '')
  const overrides = Object.fromEntries(
    [...loaded.values].filter(([name]) => name.endsWith('_IMAGE')).map(([name, { value }]) => [name, String(value)]),
  )
  const thirdParty = thirdPartyStep(ctx, {
    docker,
    asked: options.images,
    remembered,
    overrides,
    mirror,
    needs,
    force: false,
  })
  // Read anew by each step: the choice of images may change on the way.
  const stack = (): Stack => ({
    ...initial,
    env: { ...withImages(initial.env, thirdParty.names()), ...(workspace ? { AQUA_WORKSPACE: workspace.root } : {}) },
  })
  ctx.note(
    `${stage} · project ${initial.project}${workspace ? ` · workspace ${workspace.root} (${workspace.because})` : ''} · images from ${remembered.source === 'debian' ? 'Debian packages' : 'the registry'}`,
  )

  const look: ActStep = {
    title: 'this machine',
    effect: 'write',
    would: ['ask the engine for its version, memory, disk and ports'],
    async act(io) {
      const ports = publishedPorts(stage, initial.env, wanted)
      const { warnings } = await preflight(
        { ...ctx, probe: io.probe },
        { docker, project: initial.project, stage, ports, builds },
      )
      for (const warning of warnings) io.out.note(warning)
      if (stage === 'dev' && !builds && workspace) requireJars(workspace, building)
      io.done('this machine: engine, memory, disk and ports are fine')
    },
  }
  const volume: ActStep = {
    title: 'data volume',
    effect: 'read',
    would: ["compare the data volume's PostgreSQL version with the image's"],
    act: (io) => checkDataVolume(ctx, io, stack()),
  }
  return [
    lockStep(ctx, initial.project, `up ${stage}`),
    look,
    thirdParty.step,
    volume,
    ...(builds && workspace
      ? [
          jarStep(ctx, workspace, {
            force: options.force,
            why: options.why,
            docker,
            jdkImage: () => thirdParty.names().JDK_IMAGE,
          }),
          imageStep(ctx, initial, workspace, {
            force: options.force,
            why: options.why,
            runtime: () => thirdParty.names().RUNTIME_IMAGE,
            wanted: building,
          }),
        ]
      : []),
    startStep(ctx, {
      stack,
      wanted,
      only: options.only.length > 0 ? options.only.map((service) => service.name) : undefined,
      timeout: options.timeout,
      force: options.force,
    }),
    summary(initial, wanted),
  ]
}

function summary(stack: Stack, wanted: ReadonlySet<string>): ActStep {
  return {
    title: 'summary',
    effect: 'read',
    async act(io) {
      const rows = await statusRows(io, stack, wanted)
      for (const line of table(rows, ['service', 'state', 'url'])) io.out.print(line)
      io.out.print(`credentials: env/.env.${stack.stage} (aqua env explain <NAME> says who receives what)`)
      io.result({ project: stack.project, services: rows })
    },
  }
}

/** One row per container: state as a person says it, and where it answers on this machine. */
export async function statusRows(
  io: Parameters<typeof containersOf>[0],
  stack: Pick<Stack, 'docker' | 'project'>,
  wanted?: ReadonlySet<string>,
) {
  const containers = await containersOf(io, stack.docker, stack.project)
  const order = ['postgres', 'redis', 'minio', 'minio-init', ...services.map((service) => service.name)]
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length)
  return containers
    .filter((container) => !wanted || wanted.has(serviceOf(container)))
    .sort((a, b) => place(serviceOf(a)) - place(serviceOf(b)))
    .map((container) => {
      const name = serviceOf(container)
      const verdict = judge(container, name === 'minio-init')
      const state =
        verdict.state === 'ready'
          ? container.State.Status === 'exited'
            ? 'done'
            : (container.State.Health?.Status ?? 'running')
          : `${container.State.Status}: ${verdict.why}`.slice(0, 80)
      const bound = Object.values(container.NetworkSettings.Ports ?? {}).flatMap((list) => list ?? [])
      const scheme = name === 'postgres' ? 'postgresql' : name === 'redis' ? 'redis' : 'http'
      return {
        service: name,
        state,
        url: bound.map(({ HostIp, HostPort }) => `${scheme}://${HostIp || 'localhost'}:${HostPort}`).join(' '),
        image: container.Config.Image,
        restarts: String(container.RestartCount),
      }
    })
}

/** Short or long names to services; an unknown one is an error with the list. */
export function servicesByName(names: readonly string[]): Service[] {
  return names.map((name) => {
    const found = services.find((service) => service.short === name || service.name === name)
    if (!found)
      throw new AquaError('UNKNOWN_SERVICE', `there is no service "${name}"`, {
        exit: 'usage',
        hint: `one of ${services.map((service) => service.short).join(', ')}`,
      })
    return found
  })
}
