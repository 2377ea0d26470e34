import { randomBytes } from 'node:crypto'
import os from 'node:os'
import type { Stack } from '../docker/engine.ts'
import { AquaError } from '../scripts/error.ts'
import type { Io } from '../scripts/step.ts'
import { connect, type Postgres } from './postgres.ts'

/** Says whose it is: `host:pid` of the run that made it. */
const label = 'io.aquastream.aqua.drill'

/** Seconds until a fresh server answers: it makes its data directory first. */
const patience = 120

export interface Throwaway {
  postgres: Postgres
  remove(): Promise<void>
}

/** Name it before it is made, so that whoever is interrupted can remove it. */
export function throwawayName(): string {
  return `aqua-drill-${randomBytes(4).toString('hex')}`
}

/**
 * A PostgreSQL of the stack's own image and superuser, on nobody's network and without a published port, whose data lie on a
 * volume that goes with it. Durability is off: nothing in it is to survive.
 */
export async function startThrowaway(io: Io, stack: Stack, name: string): Promise<Throwaway> {
  const { docker } = stack
  const user = String(stack.env.POSTGRES_USER ?? '')
  // Found the way the stack's own container is found.
  const labels = {
    [label]: `${os.hostname()}:${process.pid}`,
    'com.docker.compose.project': name,
    'com.docker.compose.service': 'postgres',
    'com.docker.compose.oneoff': 'False',
  }
  await io.run([
    ...[docker, 'run', '--detach', '--name', name, '--network', 'none', '--shm-size', '128m'],
    ...Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
    // No password, since nothing but its own socket and loopback leads to it.
    ...['-e', 'POSTGRES_HOST_AUTH_METHOD=trust', '-e', `POSTGRES_USER=${user}`, '-e', 'POSTGRES_DB=drill'],
    ...[
      String(stack.env.POSTGRES_IMAGE),
      '-c',
      'fsync=off',
      '-c',
      'full_page_writes=off',
      '-c',
      'synchronous_commit=off',
    ],
  ])
  for (let left = patience; ; left--) {
    // Over TCP: the server of first-time initialisation listens on its socket only.
    const ready = await io.probe([docker, 'exec', name, 'pg_isready', '-q', '-h', '127.0.0.1', '-U', user])
    if (ready.code === 0) break
    if (left === 0) {
      const logs = await io.probe([docker, 'logs', '--tail', '20', name])
      throw new AquaError('NO_THROWAWAY', `the PostgreSQL of the drill did not come up in ${patience} s`, {
        exit: 'unhealthy',
        details: `${logs.stdout}${logs.stderr}`.trim().split('\n'),
      })
    }
    await io.sleep(1000)
  }
  const own = { ...stack, project: name, env: { ...stack.env, POSTGRES_DB: 'drill' } }
  const postgres = await connect({ env: {}, probe: io.probe }, own)
  return { postgres, remove: () => removeThrowaway(io, docker, name) }
}

/** Also fine for one that was never made. */
export async function removeThrowaway(io: Pick<Io, 'run'>, docker: string, name: string): Promise<void> {
  await io.run([docker, 'rm', '--force', '--volumes', name], {
    // docker rm --force is content with a missing one, podman is not.
    okCodes: [1],
  })
}

/** Remove what killed drills of this machine left. */
export async function sweepThrowaways(io: Pick<Io, 'run' | 'probe'>, docker: string): Promise<number> {
  const listed = await io.probe([
    docker,
    'ps',
    '-a',
    '--filter',
    `label=${label}`,
    '--format',
    `{{.Names}} {{.Label "${label}"}}`,
  ])
  const left = listed.stdout.split('\n').flatMap((line) => {
    const [, name, host, pid] = /^(\S+) (.*):(\d+)$/.exec(line) ?? []
    return name && host === os.hostname() && !alive(Number(pid)) ? [name] : []
  })
  for (const name of left) await removeThrowaway(io, docker, name)
  return left.length
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
