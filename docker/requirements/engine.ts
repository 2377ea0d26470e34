import { atLeast, oldestCompose } from '../engine.ts'
import { type Finding, finding } from './finding.ts'
import type { EngineInfo } from './info.ts'

/** A docker client found on this machine. */
export interface Client {
  path: string
  version: string | undefined
  compose: string | undefined
}

/** BuildKit's build contexts and secrets, which our image builds use, came together in this one. */
export const oldestBuildx = '0.8.0'

const fix = 'aqua doctor --fix'

/** Client, plugins and engine, and what to make of several clients. */
export function engineFindings(info: EngineInfo, docker: string, clients: readonly Client[]): Finding[] {
  if (!info.client)
    return [
      finding('docker client', 'missing', `no ${docker}`, fix),
      finding('compose', 'missing', `none; ${oldestCompose} or newer is needed`, fix),
      finding('buildx', 'missing', 'none', fix),
      finding('docker engine', 'missing', 'none', fix),
    ]
  const used = clients[0]
  return [
    finding('docker client', 'ok', info.clientVersion ?? used?.version ?? docker),
    ...clientsFinding(docker, clients),
    composeFinding(info, clients),
    info.buildx === undefined
      ? finding('buildx', 'missing', 'none', fix)
      : atLeast(info.buildx, oldestBuildx)
        ? finding('buildx', 'ok', info.buildx)
        : finding('buildx', 'missing', info.buildx, `install buildx ${oldestBuildx} or newer`),
    info.server
      ? finding('docker engine', 'ok', `${info.server.version} on ${info.server.system}`)
      : finding('docker engine', 'missing', info.error?.message ?? 'does not answer', info.error?.hint ?? fix),
  ]
}

function composeFinding(info: EngineInfo, clients: readonly Client[]): Finding {
  if (info.compose !== undefined && atLeast(info.compose, oldestCompose)) return finding('compose', 'ok', info.compose)
  const found = info.compose === undefined ? 'none' : `${info.compose}; ${oldestCompose} or newer is needed`
  // Plugins are looked for in folders that depend on how the client was built.
  const better = clients.find(({ compose }) => compose !== undefined && atLeast(compose, oldestCompose))
  return finding(
    'compose',
    'missing',
    found,
    better ? `export AQUA_DOCKER=${better.path}, which has ${better.compose}` : fix,
  )
}

function clientsFinding(docker: string, clients: readonly Client[]): Finding[] {
  const versions = new Set(clients.map(({ version }) => version))
  if (versions.size < 2) return []
  const all = clients.map(({ path, version }) => `${path} ${version ?? '?'}`).join(', ')
  const used = docker.includes('/') ? docker : clients[0]?.path
  return [finding('docker clients', 'info', all, `${used} is used; AQUA_DOCKER changes that`)]
}
