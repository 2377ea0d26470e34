import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import type { Io } from '../scripts/step.ts'
import type { Stack } from './engine.ts'
import { imagesOf } from './inspect.ts'
import { readState, writeState } from './state.ts'

/**
 * Refuse to start PostgreSQL on a data volume that another major version wrote: it would not start, and tempt people to
 * delete the volume. The volume is mounted read-only for the look. Remembered per volume and image, as a look costs a container.
 */
export async function checkDataVolume(ctx: Context, io: Pick<Io, 'probe'>, stack: Stack): Promise<void> {
  const volume = `${stack.project}_postgres-data`
  const image = String(stack.env.POSTGRES_IMAGE)
  const [found, images] = await Promise.all([
    io.probe([stack.docker, 'volume', 'inspect', '--format', '{{.CreatedAt}}', volume]),
    imagesOf(io, stack.docker, [image]),
  ])
  const id = images.get(image)?.Id
  if (found.code !== 0 || id === undefined) return
  const key = `${volume} ${found.stdout.trim()} ${id}`
  const known = (await readState<Record<string, true>>(ctx, 'volumes')) ?? {}
  if (known[key]) return
  const script =
    'cat /data/pgdata/PG_VERSION 2>/dev/null || cat /data/PG_VERSION 2>/dev/null || true; echo; postgres --version'
  const look = await io.probe([
    stack.docker,
    'run',
    '--rm',
    '--network',
    'none',
    '--user',
    '0:0',
    '-v',
    `${volume}:/data:ro`,
    '--entrypoint',
    'sh',
    image,
    '-c',
    script,
  ])
  const [, written] = /^(\d+)/.exec(look.stdout) ?? []
  const [, server] = /PostgreSQL\) (\d+)/.exec(look.stdout) ?? []
  if (server === undefined) return
  if (written !== undefined && written !== server)
    throw new AquaError(
      'DATA_VERSION',
      `the volume ${volume} was written by PostgreSQL ${written}, and ${image} is PostgreSQL ${server}`,
      {
        exit: 'missing',
        details: [
          `go on with ${written}: set POSTGRES_IMAGE to an image of PostgreSQL ${written} in env/.env.${stack.stage}`,
          `move to ${server}: dump with ${written}, aqua down --volumes, start with ${server}, restore`,
          'the volume was not touched',
        ],
        hint: `set POSTGRES_IMAGE in env/.env.${stack.stage}`,
      },
    )
  // An empty volume is about to be initialised by this very image.
  await writeState(ctx, 'volumes', { ...known, [key]: true })
}
