import type { Context } from '../../scripts/context.ts'
import { AquaError } from '../../scripts/error.ts'
import type { CommandResult } from '../../scripts/step.ts'
import { engineError } from '../engine.ts'

/** What one `docker info` tells about client, plugins and engine. */
export interface EngineInfo {
  /** The client answered at all; false when there is no such program. */
  client: boolean
  clientVersion: string | undefined
  context: string | undefined
  compose: string | undefined
  buildx: string | undefined
  /** Undefined when the engine cannot be reached; `error` then says why. */
  server: EngineServer | undefined
  error: AquaError | undefined
}

export interface EngineServer {
  version: string
  /** Bytes. */
  memory: number
  rootDir: string | undefined
  hostName: string | undefined
  system: string
  /** The registry that names without a host go to. */
  registry: string | undefined
}

/** An engine that is up answers in 0.1 s; one that hangs (a stopped virtual machine, a dead SSH host) never does. */
const timeoutMs = 10_000

/**
 * Ask client and engine in one call: `docker info` lists the plugins with their versions, also when the engine is down.
 * Measured here: 0.10 s, against 0.03 s for `docker version` plus 0.12 s for `docker compose version`.
 */
export async function engineInfo(ctx: Pick<Context, 'probe'>, docker: string): Promise<EngineInfo> {
  const result = await ctx.probe([docker, 'info', '--format', '{{json .}}'], { timeoutMs })
  const info = parseInfo(result, docker)
  // Podman, and Docker before 20.10, keep their plugins to themselves.
  if (info.client && info.compose === undefined && !listsPlugins(result)) {
    const asked = await ctx.probe([docker, 'compose', 'version', '--short'], { timeoutMs })
    if (asked.code === 0) return { ...info, compose: asked.stdout.trim() }
  }
  return info
}

interface Reply {
  ServerVersion?: string
  MemTotal?: number
  DockerRootDir?: string
  Name?: string
  OperatingSystem?: string
  IndexServerAddress?: string
  ClientInfo?: { Version?: string; Context?: string; Plugins?: { Name: string; Version?: string }[] | null }
  /** Podman's own shape. */
  host?: { memTotal?: number; hostname?: string; distribution?: { distribution?: string } }
  store?: { graphRoot?: string }
  version?: { Version?: string }
}

function reply(result: CommandResult): Reply | undefined {
  try {
    return JSON.parse(result.stdout) as Reply
  } catch {
    return undefined
  }
}

function listsPlugins(result: CommandResult): boolean {
  return reply(result)?.ClientInfo?.Plugins !== undefined
}

/** Reads what `docker info --format '{{json .}}'` (or `podman info`) answered. */
export function parseInfo(result: CommandResult, docker: string): EngineInfo {
  const said = reply(result)
  const plugin = (name: string) => said?.ClientInfo?.Plugins?.find((candidate) => candidate.Name === name)?.Version
  const server = serverOf(said)
  return {
    client: result.code !== 127,
    clientVersion: said?.ClientInfo?.Version ?? said?.version?.Version,
    context: said?.ClientInfo?.Context,
    compose: plugin('compose'),
    buildx: plugin('buildx'),
    server,
    error: server === undefined ? whyNot(result, docker) : undefined,
  }
}

function serverOf(said: Reply | undefined): EngineServer | undefined {
  if (said?.ServerVersion)
    return {
      version: said.ServerVersion,
      memory: said.MemTotal ?? 0,
      rootDir: said.DockerRootDir,
      hostName: said.Name,
      system: said.OperatingSystem ?? '',
      registry: said.IndexServerAddress,
    }
  if (said?.version?.Version && said.host)
    return {
      version: said.version.Version,
      memory: said.host.memTotal ?? 0,
      rootDir: said.store?.graphRoot,
      hostName: said.host.hostname,
      system: `podman on ${said.host.distribution?.distribution ?? 'linux'}`,
      registry: undefined,
    }
  return undefined
}

function whyNot(result: CommandResult, docker: string): AquaError {
  const known = engineError(result, docker)
  if (known) return known
  if (result.code === null)
    return new AquaError('ENGINE_DOWN', `the Docker engine did not answer in ${timeoutMs / 1000} s`, {
      exit: 'missing',
      hint: 'restart Docker Desktop or the docker service; docker context ls shows which engine is asked',
    })
  return new AquaError('ENGINE_DOWN', `${docker} info failed`, {
    exit: 'missing',
    details: result.stderr.trim().split('\n').slice(-5),
    hint: 'aqua doctor',
  })
}
