import { statfs } from 'node:fs/promises'
import os from 'node:os'
import { bytes } from '../../scripts/table.ts'
import { type Finding, finding } from './finding.ts'

const gib = 1024 ** 3

/**
 * What the stack holds when idle: seven JVMs at a limit of 384 MiB (2.6 GiB), PostgreSQL, Redis and MinIO at about
 * 256 MiB each (0.75 GiB). Below it the kernel kills services one after the other, which looks like a crash loop.
 */
export const leastMemory = 3.5 * gib

/** The same plus what image builds and the page cache of PostgreSQL want; between the two it starts, slowly. */
export const comfortableMemory = 5 * gib

/** Volumes, logs (10 MB × 5 for each of eleven containers) and one rebuild of the seven application layers. */
export const leastDisk = 3 * gib

/** A first build: base images, a JDK image, the build tool's cache and seven images need about 5 GiB, twice for a while. */
export const buildDisk = 8 * gib

/** Judges the memory the engine may use: with Docker Desktop that is the virtual machine's, not the computer's. */
export function memoryFinding(total: number): Finding {
  const more = `give the engine ${bytes(comfortableMemory)} (Docker Desktop: Settings, Resources), or start less with --only`
  if (total < leastMemory) return finding('engine memory', 'missing', bytes(total), more)
  if (total < comfortableMemory) return finding('engine memory', 'warning', bytes(total), more)
  return finding('engine memory', 'ok', bytes(total))
}

/** Judges free disk space; the larger amount is asked for only when images are going to be built. */
export function diskFinding(disk: Disk, builds: boolean): Finding {
  const found = `${bytes(disk.free)} free in ${disk.folder}`
  const more = 'free some: docker system df shows what is used, docker builder prune drops build caches'
  if (disk.free < leastDisk) return finding('disk', 'missing', found, more)
  if (builds && disk.free < buildDisk) return finding('disk', 'warning', found, more)
  return finding('disk', 'ok', found)
}

export interface Disk {
  folder: string
  free: number
}

/**
 * Free space where the engine keeps its data. When that folder is another machine's (Docker Desktop, a remote engine)
 * the working folder is looked at: jars and build contexts are written there.
 */
export async function freeDisk(engineRoot: string | undefined, engineHost: string | undefined, cwd: string) {
  const here = engineRoot !== undefined && engineHost === os.hostname()
  for (const folder of here ? [engineRoot, cwd] : [cwd]) {
    try {
      const { bavail, bsize } = await statfs(folder)
      return { folder, free: bavail * bsize } satisfies Disk
    } catch {
      // The engine's folder may be named by an engine that shares our host name (a container): look at ours.
    }
  }
  return undefined
}
