import type { Context } from '../../scripts/context.ts'
import type { CommandResult } from '../../scripts/step.ts'
import { overlaps } from './listeners.ts'

/** A running container as far as ports and projects go. */
export interface Container {
  id: string
  name: string
  /** Compose's project and service, where Compose made it. */
  project: string | undefined
  service: string | undefined
  published: readonly Published[]
}

export interface Published {
  address: string
  from: number
  to: number
}

const format = [
  '{{.ID}}',
  '{{.Names}}',
  '{{.Label "com.docker.compose.project"}}',
  '{{.Label "com.docker.compose.service"}}',
  '{{.Ports}}',
].join('\t')

/** The running containers with their published ports: one `docker ps`, 20 ms here. */
export function listContainers(ctx: Pick<Context, 'probe'>, docker: string): Promise<Container[]> {
  return ctx.probe([docker, 'ps', '--no-trunc', '--format', format], { timeoutMs: 10_000 }).then(parseContainers)
}

/** Reads the listing; an engine that does not answer has no containers (`docker info` says why). */
export function parseContainers(result: CommandResult): Container[] {
  if (result.code !== 0) return []
  return result.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [id = '', name = '', project = '', service = '', ports = ''] = line.split('\t')
      return { id, name, project: project || undefined, service: service || undefined, published: parsePorts(ports) }
    })
}

/** `127.0.0.1:5432->5432/tcp, [::]:8000-8002->8000-8002/tcp, 9000/tcp`: only what is published, only TCP. */
export function parsePorts(text: string): Published[] {
  return text.split(', ').flatMap((entry) => {
    const [, address, from, to] = /^(.*):(\d+)(?:-(\d+))?->.*\/tcp$/.exec(entry) ?? []
    if (address === undefined || from === undefined) return []
    return [{ address: address.replace(/^\[(.*)\]$/, '$1'), from: Number(from), to: Number(to ?? from) }]
  })
}

/** The container that publishes a port on an address that keeps `host` from being used. */
export function publisher(containers: readonly Container[], port: number, host: string): Container | undefined {
  return containers.find(({ published }) =>
    published.some(({ address, from, to }) => from <= port && port <= to && overlaps(address, host)),
  )
}
