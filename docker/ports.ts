import { readdir, readFile, readlink } from 'node:fs/promises'
import net from 'node:net'
import type { Context } from '../scripts/context.ts'
import { AquaError, hasCode } from '../scripts/error.ts'
import { type Container, publisher } from './requirements/containers.ts'
import { listeners } from './requirements/listeners.ts'

/** A port the stack wants to publish on the host. */
export interface WantedPort {
  port: number
  /** The address it is published on. */
  host: string
  /** The env-file variable that moves it. */
  variable: string
  /** Which container wants it. */
  container: string
}

/** Who listens on a port. */
export type Holder =
  | { kind: 'container'; name: string; project: string | undefined }
  | { kind: 'process'; name: string; pid: number }
  /** Somebody else's process: the kernel tells its user, not its name. */
  | { kind: 'hidden'; user: string | undefined }

export interface TakenPort {
  wanted: WantedPort
  holder: Holder
}

/** `postgres (pid 812)`, `container foo (project bar)`. */
export function holderText(holder: Holder): string {
  switch (holder.kind) {
    case 'container':
      return `container ${holder.name}${holder.project ? ` (project ${holder.project})` : ''}`
    case 'process':
      return `${holder.name} (pid ${holder.pid})`
    case 'hidden':
      return holder.user
        ? `a process of ${holder.user} that this user may not look at`
        : 'a process that this user may not look at'
  }
}

/** One error for all taken ports: freeing them one by one with a run in between would be a waste. */
export function portError(taken: readonly TakenPort[], envFile: string): AquaError {
  const [first] = taken
  const variables = [...new Set(taken.map(({ wanted }) => wanted.variable))].join(', ')
  const who = taken.map(({ wanted, holder }) => `port ${wanted.port} is taken by ${holderText(holder)}`)
  const single = first !== undefined && taken.length === 1
  return new AquaError('PORT_TAKEN', single ? (who[0] ?? '') : `${taken.length} ports are taken`, {
    exit: 'missing',
    ...(single ? {} : { details: who }),
    hint: `stop ${single ? 'it' : 'them'}, or set ${variables} in ${envFile}`,
  })
}

export type PortState = 'free' | 'taken' | 'no-such-address'

/**
 * Whether a port can be published: the sure way is to bind it. Docker's engine runs as root, so a port under 1024 that
 * this user may not bind says nothing about being taken; the table of listeners decides there.
 */
export async function portState(port: number, host: string, platform: NodeJS.Platform): Promise<PortState> {
  const wildcard = host === '' || host === '0.0.0.0' || host === '::'
  // Published on every address means on IPv6's too. macOS lets a specific address be bound beside a wildcard listener.
  const addresses =
    wildcard || platform === 'darwin' ? [...new Set([wildcard ? '0.0.0.0' : host, '0.0.0.0', '::'])] : [host]
  for (const address of addresses) {
    const code = await bind(port, address)
    if (code === 'EADDRINUSE') return 'taken'
    if (code === 'EACCES' && port < 1024 && (await listeners(port, host)).length > 0) return 'taken'
    if (code === 'EADDRNOTAVAIL' && address === host && !wildcard) return 'no-such-address'
  }
  return 'free'
}

/** The error code of binding, or undefined when it worked. A host without IPv6 is no obstacle and gives undefined. */
function bind(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'EAFNOSUPPORT' ? undefined : error.code),
    )
    server.listen({ port, host, exclusive: true, ipv6Only: host === '::' }, () =>
      server.close(() => resolve(undefined)),
    )
  })
}

/** Who holds a port: one of the containers in the listing, else a process of this machine; undefined when nobody does. */
export async function portHolder(
  port: number,
  host: string,
  ctx: Pick<Context, 'probe' | 'platform'>,
  containers: readonly Container[] = [],
): Promise<Holder | undefined> {
  const container = containerHolder(port, host, containers)
  if (container) return container
  if (ctx.platform === 'darwin') return darwinHolder(port, ctx)
  if (ctx.platform !== 'linux') return undefined
  const found = await listeners(port, host)
  if (found.length === 0) return undefined
  return (
    (await ownerOf(new Set(found.map(({ inode }) => inode)))) ?? { kind: 'hidden', user: await userName(found[0]?.uid) }
  )
}

/** The container that publishes a port, if any does. */
export function containerHolder(port: number, host: string, containers: readonly Container[]): Holder | undefined {
  const found = publisher(containers, port, host)
  return found && { kind: 'container', name: found.name, project: found.project }
}

async function darwinHolder(port: number, ctx: Pick<Context, 'probe'>): Promise<Holder | undefined> {
  const said = await ctx.probe(['lsof', '-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'])
  const [first] = parseLsof(said.stdout)
  return first ? { kind: 'process', ...first } : undefined
}

/** `lsof -Fpc`: a line `p<pid>`, then `c<command>`, then files. */
export function parseLsof(text: string): { pid: number; name: string }[] {
  const found: { pid: number; name: string }[] = []
  let pid = 0
  for (const line of text.split('\n')) {
    if (line.startsWith('p')) pid = Number(line.slice(1))
    else if (line.startsWith('c') && pid > 0) found.push({ pid, name: line.slice(1) })
  }
  return found
}

/** The process that has one of these sockets open, as far as this user may look. */
async function ownerOf(inodes: ReadonlySet<number>): Promise<Holder | undefined> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const links = new Set([...inodes].map((inode) => `socket:[${inode}]`))
  for (const pid of pids) {
    try {
      for (const fd of await readdir(`/proc/${pid}/fd`))
        if (links.has(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
          return { kind: 'process', name: (await readFile(`/proc/${pid}/comm`, 'utf8')).trim(), pid: Number(pid) }
    } catch (error) {
      // Another user's process, or one that ended while we looked.
      if (!hasCode(error, 'EACCES', 'EPERM', 'ENOENT', 'ESRCH')) throw error
    }
  }
  return undefined
}

async function userName(uid: number | undefined): Promise<string | undefined> {
  if (uid === undefined) return undefined
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const name = passwd
    .split('\n')
    .find((line) => line.split(':')[2] === String(uid))
    ?.split(':')[0]
  return `user ${name ?? uid}`
}
