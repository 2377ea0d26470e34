import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { composeFiles } from '../../docker/engine.ts'
import { schema } from '../../env/schema.ts'
import type { Stage } from '../../scripts/task.ts'
import { root } from './fixture.ts'

/** What Compose makes of a container, as far as the tests look. */
export interface Composed {
  image: string
  scale?: number
  build?: {
    context: string
    dockerfile: string
    args: Record<string, string>
    additional_contexts: Record<string, string>
  }
  environment?: Record<string, string>
  ports?: { host_ip?: string; target: number; published: string }[]
  depends_on?: Record<string, { condition: string; required: boolean }>
  read_only?: boolean
  privileged?: boolean
  network_mode?: string
  cap_drop?: string[]
  cap_add?: string[]
  security_opt?: string[]
  pids_limit?: number
  mem_limit?: string
  cpus?: number
  ulimits?: { nofile?: { soft: number; hard: number } }
  logging?: { driver: string; options: Record<string, string> }
  restart?: string
  user?: string
  init?: boolean
  stop_grace_period?: string
  healthcheck?: { disable?: boolean; test?: string[] }
  volumes?: { type: string; source: string; target: string; read_only?: boolean }[]
}

/** Why Compose's own reading of the files is not to be had here; undefined when it is. */
export const noCompose: string | undefined =
  spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' }).status === 0
    ? undefined
    : 'docker compose is not installed: nothing here can read its files'

/** Enough to read the files, in shapes that can be found again: every variable has a value nobody else has. */
export const marks: Readonly<Record<string, string>> = Object.fromEntries(
  schema.map(({ name }, i) => {
    if (name === 'GATEWAY_BIND') return [name, '192.0.2.7']
    if (name === 'IMAGE_PREFIX') return [name, 'registry.example/owner/']
    if (name === 'AQUA_REGISTRY') return [name, 'mirror.example/']
    if (name.endsWith('_PORT')) return [name, String(20_000 + i)]
    return [name, `mark-${i}-${name.toLowerCase().replaceAll('_', '-')}.`]
  }),
)

/** The variables without which the files are not read. */
export const required: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(marks).filter(([name]) => {
    const variable = schema.find((candidate) => candidate.name === name)
    return variable?.required && variable.readBy === undefined && !name.endsWith('_PORT')
  }),
)

/** `docker compose config` of a stage: needs the client alone, no engine. */
export function composed(stage: Stage, env: Readonly<Record<string, string>>): Record<string, Composed> {
  const files = composeFiles(root, stage).flatMap((file) => ['-f', file])
  const { status, stdout, stderr } = spawnSync(
    'docker',
    ['compose', '-p', 'x', ...files, 'config', '--format', 'json'],
    {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      encoding: 'utf8',
    },
  )
  if (status !== 0) throw new Error(stderr)
  return (JSON.parse(stdout) as { services: Record<string, Composed> }).services
}

/** The keys that a container gets from the files of settings/. */
export function settingsOf(stage: Stage, container: string): Set<string> {
  const keys = new Set<string>()
  for (const file of composeFiles(root, stage)) {
    let current = ''
    for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
      current = /^ {2}([\w-]+):/.exec(line)?.[1] ?? current
      const [, list] = /^ {4}env_file: \[(.*)\]/.exec(line) ?? []
      if (current !== container || list === undefined) continue
      for (const name of list.split(','))
        for (const [key] of settings(path.join(path.dirname(file), name.trim()))) keys.add(key)
    }
  }
  return keys
}

export function settings(file: string): [key: string, value: string][] {
  return fs
    .readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
}
