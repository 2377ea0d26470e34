import { refuseBadEnv } from '../env/check.ts'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import type { ActStep, Step } from '../scripts/step.ts'
import { table } from '../scripts/table.ts'
import type { OptionSpec, Stage } from '../scripts/task.ts'
import { type BuildOptions, prepareBuild } from './build.ts'
import type { Stack } from './engine.ts'
import { judge } from './health.ts'
import { containersOf, serviceOf } from './inspect.ts'
import { requireJars } from './jars.ts'
import { lockStep } from './lock.ts'
import { preflight } from './preflight.ts'
import { backing, type Service, serviceNames, services, shortNames } from './services.ts'
import { closure, publishedPorts } from './stack.ts'
import { startStep } from './start.ts'
import { checkDataVolume } from './volume.ts'

export interface UpOptions extends BuildOptions {
  stage: Stage
  /** Empty: all. */
  only: readonly Service[]
  build: boolean
  /** Seconds. */
  timeout: number
}

/** From whatever state to a healthy stack: preflight, images of others, jars, images of ours, start, wait, table. */
export async function upSteps(ctx: Context, options: UpOptions): Promise<Step[]> {
  const { stage, only, timeout, force } = options
  const asked = only.length > 0 ? only : services
  const builds = stage === 'dev' && options.build
  const all = closure(asked)
  const building = services.filter((service) => all.has(service.name))
  const build = await prepareBuild(
    ctx,
    stage,
    building,
    ['POSTGRES_IMAGE', 'REDIS_IMAGE', 'MINIO_IMAGE'],
    builds,
    options,
  )
  for (const warning of refuseBadEnv(build.loaded))
    if (warning.kind !== 'placeholder') ctx.note(`${warning.file}: ${warning.message}`)
  const { docker, project, env } = build.stack()
  const wanted = closure(asked, env)
  const where = build.workspace ? ` · workspace ${build.workspace.root} (${build.workspace.because})` : ''
  const images = build.source === 'debian' ? 'built from Debian packages' : 'from the registry'
  ctx.note(`${stage} · project ${project}${where} · third-party images ${images}`)

  const look: ActStep = {
    title: 'this machine',
    effect: 'write',
    would: ['ask the engine for its version, memory, disk and ports'],
    async act(io) {
      const ports = publishedPorts(stage, env, wanted)
      const { warnings } = await preflight({ ...ctx, probe: io.probe }, { docker, project, stage, ports, builds })
      for (const warning of warnings) io.out.note(warning)
      if (stage === 'dev' && !builds && build.workspace) requireJars(build.workspace, building)
      io.done('this machine: engine, memory, disk and ports are fine')
    },
  }
  const volume: ActStep = {
    title: 'data volume',
    effect: 'read',
    would: ["compare the data volume's PostgreSQL version with the image's"],
    act: (io) => checkDataVolume(ctx, io, build.stack()),
  }
  const names = only.length > 0 ? only.map((service) => service.name) : undefined
  return [
    lockStep(ctx, project, `up ${stage}`),
    look,
    build.imagesOfOthers,
    volume,
    ...build.ours,
    startStep(ctx, { stack: build.stack, wanted, only: names, timeout, force }),
    summary(build.stack(), wanted),
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
  const order = [...backing, ...services].map(({ name }) => name as string)
  const oneShots = new Set(backing.filter(({ oneShot }) => oneShot).map(({ name }) => name as string))
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length)
  return containers
    .filter((container) => !wanted || wanted.has(serviceOf(container)))
    .sort((a, b) => place(serviceOf(a)) - place(serviceOf(b)))
    .map((container) => {
      const name = serviceOf(container)
      const verdict = judge(container, oneShots.has(name))
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

/** `--only <service>`, as often as wanted; `servicesByName` reads it. */
export function onlyOption(describe: string) {
  return {
    type: 'string',
    array: true,
    choices: [...shortNames, ...serviceNames],
    placeholder: '<service>',
    describe,
  } as const satisfies OptionSpec
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
