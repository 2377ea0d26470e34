import type { Io } from '../scripts/step.ts'
import type { Image } from './inspect.ts'

/** What a new image has in common with the one of that name before it. */
export interface Growth {
  layers: number
  reused: number
  /** Bytes of the layers that are not reused, unpacked; compressed, as a push sends them, they are fewer. */
  newBytes: number
}

/** Compare an image with the one that bore its name before; without one, everything above nothing is new. */
export async function growthOf(
  io: Pick<Io, 'probe'>,
  docker: string,
  name: string,
  before: Image | undefined,
  now: Image,
): Promise<Growth> {
  const layers = now.RootFS.Layers
  const known = before?.RootFS.Layers ?? []
  const first = layers.findIndex((layer, i) => known[i] !== layer)
  const reused = first === -1 ? layers.length : first
  if (reused === 0) return { layers: layers.length, reused, newBytes: now.Size }
  if (reused === layers.length) return { layers: layers.length, reused, newBytes: 0 }
  const history = await io.probe([
    docker,
    'history',
    '--no-trunc',
    '--human=false',
    '--format',
    '{{.Size}}\t{{.CreatedBy}}',
    name,
  ])
  // Newest first. Only these instructions make a layer; ENV, LABEL and the like stand in the list with 0 bytes.
  const sizes = history.stdout
    .split('\n')
    .map((line) => line.split('\t'))
    .filter(([, by = '']) => /^(RUN|COPY|ADD|WORKDIR)\b/.test(by))
    .map(([size]) => Number(size))
  const newBytes = sizes.slice(0, layers.length - reused).reduce((sum, size) => sum + size, 0)
  return { layers: layers.length, reused, newBytes }
}
