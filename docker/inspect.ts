import { AquaError } from '../scripts/error.ts'
import type { CommandResult, Io } from '../scripts/step.ts'
import { engineError } from './engine.ts'

/** What `docker inspect` says of a container, as far as aqua looks. */
export interface Container {
  Id: string
  Name: string
  Image: string
  RestartCount: number
  State: {
    Status: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'
    ExitCode: number
    OOMKilled: boolean
    Error: string
    StartedAt: string
    Health?: {
      Status: 'none' | 'starting' | 'healthy' | 'unhealthy'
      Log: { ExitCode: number; Output: string }[] | null
    }
  }
  Config: { Labels: Record<string, string>; Env: string[] | null; Image: string; User: string }
  NetworkSettings: {
    Ports: Record<string, { HostIp: string; HostPort: string }[] | null> | null
    Networks?: Record<string, { IPAddress: string }> | null
  }
}

type Probe = Pick<Io, 'probe'>

export function serviceOf(container: Container): string {
  return container.Config.Labels['com.docker.compose.service'] ?? container.Name.replace(/^\//, '')
}

/** All containers of a Compose project, running or not; one-off `run` containers left out. */
export async function containersOf(io: Probe, docker: string, project: string): Promise<Container[]> {
  const filter = [
    '--filter',
    `label=com.docker.compose.project=${project}`,
    '--filter',
    'label=com.docker.compose.oneoff=False',
  ]
  const listed = await io.probe([docker, 'ps', '-aq', '--no-trunc', ...filter])
  if (listed.code !== 0) throw engineError(listed, docker) ?? unreadable('docker ps', listed)
  const ids = listed.stdout.split('\n').filter((id) => id !== '')
  if (ids.length === 0) return []
  const inspected = await io.probe([docker, 'inspect', '--type', 'container', ...ids])
  // A container removed between the two calls makes docker exit 1 and still print the others.
  try {
    return JSON.parse(inspected.stdout || '[]') as Container[]
  } catch {
    throw engineError(inspected, docker) ?? unreadable('docker inspect', inspected)
  }
}

export interface Image {
  Id: string
  RepoTags: string[] | null
  Config: { Labels: Record<string, string> | null; Env: string[] | null } | null
  RootFS: { Layers: string[] }
  Size: number
}

/** The images that exist among `names`, by name. */
export async function imagesOf(io: Probe, docker: string, names: readonly string[]): Promise<Map<string, Image>> {
  const found = new Map<string, Image>()
  if (names.length === 0) return found
  const result = await io.probe([docker, 'image', 'inspect', ...names])
  if (result.code !== 0) {
    const error = engineError(result, docker)
    if (error) throw error
  }
  const images = JSON.parse(result.stdout || '[]') as Image[]
  for (const name of names) {
    const image = images.find((candidate) => candidate.RepoTags?.includes(name))
    if (image) found.set(name, image)
  }
  return found
}

function unreadable(what: string, result: CommandResult): AquaError {
  return new AquaError('ENGINE', `${what} failed: ${result.stderr.trim().split('\n').at(-1) ?? result.code}`, {
    exit: 'missing',
  })
}

export const fingerprintLabel = 'io.aquastream.aqua.fingerprint'

/** What a container's last health probe printed, one line. */
export function lastProbe(container: Container): string | undefined {
  const output = container.State.Health?.Log?.at(-1)?.Output.trim()
  return output ? output.replace(/\s+/g, ' ').slice(0, 400) : undefined
}
