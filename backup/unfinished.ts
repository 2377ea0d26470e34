import type { Io } from '../scripts/step.ts'
import { parseFileName } from './catalog.ts'
import type { Destinations } from './destinations.ts'
import { manifestName, setId } from './manifest.ts'
import type { Store } from './store/store.ts'

/**
 * A set id that no store knows, and the moment it names: two sets within one second would share their files. Then removes
 * what dead runs left: temporary files, unfinished uploads, and files of ours that are older than that and belong to no
 * manifest. Call with the backup lock held. What is not named like ours is not touched.
 */
export async function beginSet(
  io: Pick<Io, 'sleep'>,
  clock: () => Date,
  destinations: Destinations,
): Promise<{ id: string; at: Date }> {
  const names = new Map<Store, string[]>()
  await destinations.each(async (store) => {
    names.set(
      store,
      (await store.list()).map(({ name }) => name),
    )
  })
  const taken = new Set([...names.values()].flat().flatMap((name) => idOf(name) ?? []))
  let at = clock()
  while (taken.has(setId(at))) {
    await io.sleep(1000 - at.getMilliseconds())
    at = clock()
  }
  const id = setId(at)
  await destinations.each(async (store) => {
    await store.sweep(at)
    const there = names.get(store) ?? []
    for (const name of unfinished(there, id)) await store.remove(name)
  })
  return { id, at }
}

function idOf(name: string): string | undefined {
  return parseFileName(name)?.id ?? /^(\d{8}T\d{6}Z)\.manifest\.json$/.exec(name)?.[1]
}

/** The files among `names` that no manifest stands for and that are older than the set `id`. */
export function unfinished(names: readonly string[], id: string): string[] {
  const manifests = new Set(names)
  return names.filter((name) => {
    const file = parseFileName(name)
    return file !== undefined && file.id < id && !manifests.has(manifestName(file.id))
  })
}
