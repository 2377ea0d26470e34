import type { Stack } from '../../docker/engine.ts'
import type { Loaded } from '../../env/load.ts'
import type { ActStep, Io } from '../../scripts/step.ts'
import { checkArchive, openArchive } from '../archive.ts'
import { openObjectServer } from '../objectserver.ts'
import type { Postgres } from '../postgres.ts'
import { restoreObjects } from '../putobjects.ts'
import { byteProgress } from './progress.ts'
import type { Source } from './source.ts'

type Identities = Parameters<typeof openArchive>[2]

/** Read the buckets' archives to their proven end. */
export async function checkBuckets(io: Io, postgres: Postgres, source: Source, identities: Identities): Promise<void> {
  for (const { bucket, packed } of source.buckets) {
    const onBytes = byteProgress(io, `reading ${bucket}`, packed.stored?.bytes)
    await checkArchive(io, postgres, packed, identities, onBytes)
  }
}

/** Put every object of the set back; objects that came later stay. */
export function bucketsStep(stack: Stack, loaded: Loaded, source: Source, identities: Identities): ActStep {
  return {
    title: 'restore the buckets',
    effect: 'destroy',
    would: source.buckets.map(({ bucket, packed }) => `put the objects of ${packed.name} into ${bucket}`),
    async act(io) {
      const server = await openObjectServer(io, stack, loaded)
      let objects = 0
      for (const { bucket, packed } of source.buckets)
        objects += (await restoreObjects(io, server, bucket, await openArchive(io, packed, identities))).objects
      io.result({ objects })
      io.done(`restore the buckets: ${objects} objects`)
    },
  }
}
