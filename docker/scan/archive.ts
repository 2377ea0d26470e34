import fs from 'node:fs/promises'
import path from 'node:path'
import type { Context } from '../../scripts/context.ts'
import { AquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
import { engineError } from '../engine.ts'

/** The image inside a work folder, as `docker save` writes it. */
export const archiveName = 'image.tar'

const prefix = 'scan-'

/**
 * A folder that only this user can read, gone when `work` is done. Under `.aqua/`, which Docker Desktop shares with its
 * containers and which has room for an image where /tmp may be memory. Folders of runs that were killed are removed too.
 */
export async function withFolder<T>(ctx: Pick<Context, 'stateDir'>, work: (folder: string) => Promise<T>): Promise<T> {
  await fs.mkdir(ctx.stateDir, { recursive: true })
  await sweep(ctx.stateDir)
  const folder = await fs.mkdtemp(path.join(ctx.stateDir, `${prefix}${process.pid}-`))
  try {
    return await work(folder)
  } finally {
    await fs.rm(folder, { recursive: true, force: true })
  }
}

/** Stands for the folder where `--dry-run` shows the commands. */
export function exampleFolder(ctx: Pick<Context, 'stateDir'>): string {
  return path.join(ctx.stateDir, `${prefix}…`)
}

async function sweep(stateDir: string): Promise<void> {
  for (const name of await fs.readdir(stateDir)) {
    const [, pid] = new RegExp(`^${prefix}(\\d+)-`).exec(name) ?? []
    if (pid !== undefined && Number(pid) !== process.pid && !alive(Number(pid)))
      await fs.rm(path.join(stateDir, name), { recursive: true, force: true })
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** The ids of local images by name; an error names all that are missing. */
export async function requireImages(io: Io, docker: string, names: readonly string[]): Promise<Map<string, string>> {
  const ids = new Map<string, string>()
  const missing: string[] = []
  for (const name of names) {
    const result = await io.probe([docker, 'image', 'inspect', '--format', '{{.Id}}', name])
    const error = result.code === 0 ? undefined : engineError(result, docker)
    if (error) throw error
    if (result.code === 0) ids.set(name, result.stdout.trim())
    else missing.push(name)
  }
  if (missing.length > 0)
    throw new AquaError('IMAGE_MISSING', `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not here`, {
      exit: 'missing',
      hint: 'aqua build-images makes those of the services, docker pull gets the others',
    })
  return ids
}

/**
 * Writes the image into the folder. A file rather than the engine's socket for the scanner: reading an image does not need
 * the right to start containers.
 */
export function saveCommand(docker: string, image: string, folder: string): string[] {
  return [docker, 'save', '--output', path.join(folder, archiveName), image]
}

export async function saveImage(io: Io, docker: string, image: string, folder: string): Promise<void> {
  io.progress(`saving ${image}`)
  await io.run(saveCommand(docker, image, folder), { explain: (result) => engineError(result, docker) })
}
