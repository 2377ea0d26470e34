import fs from 'node:fs'
import path from 'node:path'
import type { Context } from '../../scripts/context.ts'
import { atLeast, dockerProgram, oldestCompose } from '../engine.ts'
import { onPath } from '../jdk.ts'
import { type EngineInfo, engineInfo } from '../requirements/info.ts'
import { type AptSource, parseAptSources } from './apt-sources.ts'
import { type OsRelease, parseOsRelease } from './os-release.ts'

/** What the repair needs to know; gathered once, so that the plan is a pure function of it. */
export interface Machine {
  platform: NodeJS.Platform
  os: OsRelease | undefined
  sources: readonly AptSource[]
  root: boolean
  /** A person at a terminal can type a password. */
  interactive: boolean
  /** How `sudo` would answer without a password; only asked when neither root nor at a terminal. */
  sudo: 'absent' | 'asks' | 'free'
  systemd: boolean
  docker: string
  /** Set when the client is told to use an engine other than this machine's own. */
  elsewhere: string | undefined
  info: EngineInfo
  /** The engine's program is here, running or not. */
  dockerd: boolean
  /** docker.com's packages are installed: theirs go together, the distribution's conflict with them. */
  dockerCe: boolean
  mmdebstrap: boolean
  /** Pid files of an engine that is gone. */
  stale: readonly string[]
  /** A dockerd is alive, whether it answers or not: a second one would only spoil its log. */
  alive: boolean
  /** Files that the plan writes, as they are. */
  files: Readonly<Record<string, string>>
  stateDir: string
}

export const pinFile = '/etc/apt/preferences.d/aqua-trixie'
export const sourceFile = '/etc/apt/sources.list.d/aqua-trixie.sources'

const pidFile = '/var/run/docker.pid'

/** Programs of administrators are not always on a user's PATH. */
const adminPath = ['/usr/local/sbin', '/usr/sbin', '/sbin'].join(path.delimiter)

/** Look at this machine. Reads files and asks docker and sudo; changes nothing. */
export async function lookAtMachine(ctx: Context): Promise<Machine> {
  const docker = dockerProgram(ctx)
  const root = process.getuid?.() === 0
  const [info, sudo] = await Promise.all([engineInfo(ctx, docker), root ? ('free' as const) : sudoState(ctx)])
  const env = { ...ctx.env, PATH: `${ctx.env.PATH ?? ''}${path.delimiter}${adminPath}` }
  const stale = stalePidFiles(read, (pid) => read(`/proc/${pid}/comm`))
  const osText = read('/etc/os-release')
  return {
    platform: ctx.platform,
    os: osText === undefined ? undefined : parseOsRelease(osText),
    sources: ctx.platform === 'linux' ? readSources('/etc/apt') : [],
    root,
    interactive: ctx.interactive,
    sudo,
    systemd: fs.existsSync('/run/systemd/system'),
    docker,
    elsewhere: elsewhere(ctx, info),
    info,
    dockerd: onPath('dockerd', { env }) !== undefined,
    dockerCe: fs.existsSync('/var/lib/dpkg/info/docker-ce.list'),
    mmdebstrap: onPath('mmdebstrap', { env }) !== undefined,
    stale,
    alive: !stale.includes(pidFile) && fs.existsSync(pidFile),
    files: Object.fromEntries([pinFile, sourceFile].flatMap((file) => pair(file, read(file)))),
    stateDir: ctx.stateDir,
  }
}

/** What of the tools is missing here. */
export function lacking({ info, dockerd, mmdebstrap, elsewhere }: Machine) {
  return {
    client: !info.client,
    compose: info.compose === undefined || !atLeast(info.compose, oldestCompose),
    buildx: info.buildx === undefined,
    engine: !dockerd && elsewhere === undefined && info.server === undefined,
    mmdebstrap: !mmdebstrap,
  }
}

async function sudoState(ctx: Context): Promise<Machine['sudo']> {
  if (onPath('sudo', ctx) === undefined) return 'absent'
  if (ctx.interactive) return 'asks'
  return (await ctx.probe(['sudo', '-n', 'true'], { timeoutMs: 10_000 })).code === 0 ? 'free' : 'asks'
}

/** An engine that `doctor --fix` cannot start: another machine's, a virtual machine's, a user's own. */
function elsewhere(ctx: Context, info: EngineInfo): string | undefined {
  const host = ctx.env.DOCKER_HOST
  if (host && !/^unix:\/\/(\/var)?\/run\/docker\.sock$/.test(host)) return `DOCKER_HOST=${host}`
  return info.context === undefined || info.context === 'default' ? undefined : `docker context ${info.context}`
}

/** The machine's own apt sources; the one that aqua wrote is left out. */
export function readSources(folder: string): AptSource[] {
  const parts = path.join(folder, 'sources.list.d')
  const names = fs.existsSync(parts) ? fs.readdirSync(parts).filter((name) => /\.(list|sources)$/.test(name)) : []
  const files = [path.join(folder, 'sources.list'), ...names.map((name) => path.join(parts, name))]
  return files.filter((file) => file !== sourceFile).flatMap((file) => parseAptSources(file, read(file) ?? ''))
}

/**
 * Pid files whose process is gone or is by now somebody else's. Where /run survives a restart of the machine, dockerd
 * takes such a number for a running engine and refuses to start, or for its containerd and kills it.
 */
export function stalePidFiles(
  text: (file: string) => string | undefined,
  command: (pid: number) => string | undefined,
): string[] {
  const candidates = [
    [pidFile, 'dockerd'],
    ['/var/run/docker/containerd/containerd.pid', 'containerd'],
  ] as const
  return candidates.flatMap(([file, program]) => {
    const content = text(file)
    return content !== undefined && command(Number(content))?.trim() !== program ? [file] : []
  })
}

function read(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function pair(file: string, text: string | undefined): [string, string][] {
  return text === undefined ? [] : [[file, text]]
}
