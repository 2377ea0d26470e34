import fs from 'node:fs'
import { loadEnv, plain } from '../env/load.ts'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import { dockerProgram } from './engine.ts'
import { parseOsRelease } from './install/os-release.ts'
import { allOnPath, type BuildTool, findBuildTool, findJdk, type Jdk, onPath } from './jdk.ts'
import { portHolder, portState, type TakenPort, type WantedPort } from './ports.ts'
import { authorityFinding, buildFindings, mmdebstrapFinding } from './requirements/build.ts'
import { type Disk, diskFinding, freeDisk, memoryFinding } from './requirements/capacity.ts'
import { type Container, listContainers } from './requirements/containers.ts'
import { type Client, engineFindings } from './requirements/engine.ts'
import type { Finding } from './requirements/finding.ts'
import { type EngineInfo, engineInfo } from './requirements/info.ts'
import { devPorts, portFindings } from './requirements/ports.ts'
import { registryAddress, registryFinding } from './requirements/registry.ts'
import { gitFinding, nodeFinding, systemFinding } from './requirements/runtime.ts'
import { findWorkspace } from './workspace.ts'

/** Everything that was looked at; `diagnose` judges it. */
export interface Probes {
  now: Date
  platform: NodeJS.Platform
  arch: string
  system: string | undefined
  node: string
  git: string | undefined
  docker: string
  info: EngineInfo
  clients: readonly Client[]
  disk: Disk | undefined
  jdk: Jdk | undefined
  tool: BuildTool
  mmdebstrap: boolean
  authority: { file: string | undefined; readable: boolean }
  ports: { wanted: readonly WantedPort[]; taken: readonly TakenPort[]; ours: number }
  /** Only with `--network`. */
  registry: Finding | undefined
}

type World = Pick<Context, 'probe' | 'env' | 'platform' | 'cwd' | 'root' | 'workspaceOption' | 'now'>

/** Look at everything, side by side. Starts no JVM and no container. */
export async function probeMachine(ctx: World, options: { network: boolean }): Promise<Probes> {
  const docker = dockerProgram(ctx)
  const [info, clients, git, ports] = await Promise.all([
    engineInfo(ctx, docker),
    findClients(ctx, docker),
    ctx.probe(['git', '--version']),
    probePorts(ctx, docker),
  ])
  const authority = ctx.env.SSL_CERT_FILE
  const system = readable('/etc/os-release') ? parseOsRelease(fs.readFileSync('/etc/os-release', 'utf8')) : undefined
  const address = registryAddress(ctx.env.AQUA_REGISTRY, info.server?.registry)
  return {
    now: ctx.now(),
    platform: ctx.platform,
    arch: process.arch,
    system: ctx.platform === 'linux' ? system?.pretty : undefined,
    node: process.versions.node,
    git: git.code === 0 ? /\d[\d.]*/.exec(git.stdout)?.[0] : undefined,
    docker,
    info,
    clients,
    disk: await freeDisk(info.server?.rootDir, info.server?.hostName, ctx.cwd),
    jdk: findJdk(ctx),
    tool: findBuildTool(findWorkspace(ctx).root, ctx),
    mmdebstrap: onPath('mmdebstrap', { env: { PATH: `${ctx.env.PATH}:/usr/sbin:/sbin` } }) !== undefined,
    authority: { file: authority, readable: authority !== undefined && readable(authority) },
    ports,
    registry: options.network ? await registryFinding(address) : undefined,
  }
}

/** From what was looked at to what to do. Pure. */
export function diagnose(probes: Probes): Finding[] {
  const { info, disk, ports } = probes
  return [
    nodeFinding(probes.node, probes.now),
    systemFinding(probes.platform, probes.arch, probes.system),
    gitFinding(probes.git),
    ...engineFindings(info, probes.docker, probes.clients),
    ...(info.server ? [memoryFinding(info.server.memory)] : []),
    ...(disk ? [diskFinding(disk, true)] : []),
    ...buildFindings(probes.jdk, probes.tool),
    ...(probes.platform === 'linux' ? [mmdebstrapFinding(probes.mmdebstrap)] : []),
    ...authorityFinding(probes.authority.file, probes.authority.readable),
    ...portFindings(ports.wanted, ports.taken, ports.ours),
    ...(probes.registry ? [probes.registry] : []),
  ]
}

/** The error of a machine that lacks something required; undefined when it lacks nothing. */
export function verdict(findings: readonly Finding[]): AquaError | undefined {
  const missing = findings.filter(({ state }) => state === 'missing')
  if (missing.length === 0) return undefined
  const mended = missing.some(({ fix }) => fix?.includes('aqua doctor --fix'))
  return new AquaError('MACHINE_LACKS', `not ready: ${missing.map(({ requirement }) => requirement).join(', ')}`, {
    exit: 'missing',
    hint: mended ? 'aqua doctor --fix' : 'the column FIX says what to do',
  })
}

/** The clients on PATH, and the distribution's own beside them: plugins are not the same for each. */
async function findClients(ctx: World, docker: string): Promise<Client[]> {
  const usual = '/usr/bin/docker'
  const found = docker.includes('/') ? [docker] : allOnPath(docker, ctx)
  if (readable(usual) && !found.some((file) => fs.realpathSync(file) === fs.realpathSync(usual))) found.push(usual)
  // One client needs no comparing, and asking costs 0.1 s each.
  if (found.length < 2) return found.map((path) => ({ path, version: undefined, compose: undefined }))
  return Promise.all(
    found.map(async (path) => {
      const { clientVersion, compose } = await engineInfo(ctx, path)
      return { path, version: clientVersion, compose }
    }),
  )
}

async function probePorts(ctx: World, docker: string): Promise<Probes['ports']> {
  const [containers, env] = await Promise.all([
    listContainers(ctx, docker),
    loadEnv(ctx, 'dev', { fileOptional: true }),
  ])
  const wanted = devPorts((variable) => plain(env, variable))
  const mine = wanted.filter((one) => containers.some((container) => isOurs(container, one)))
  const taken: TakenPort[] = []
  for (const one of wanted) {
    if (mine.includes(one)) continue
    if ((await portState(one.port, one.host, ctx.platform)) !== 'taken') continue
    const holder = await portHolder(one.port, one.host, ctx, containers)
    taken.push({ wanted: one, holder: holder ?? { kind: 'hidden', user: undefined } })
  }
  return { wanted, taken, ours: mine.length }
}

/** A container of a stack of ours, under whichever project name, that publishes its own port. */
function isOurs({ project, service, published }: Container, { container, port }: WantedPort): boolean {
  if (service !== container || !project?.startsWith('aqua')) return false
  return published.some(({ from, to }) => from <= port && port <= to)
}

function readable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.R_OK)
    return true
  } catch {
    return false
  }
}
