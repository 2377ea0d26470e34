import { randomBytes } from 'node:crypto'
import fs from 'node:fs/promises'
import path from 'node:path'
import { type Readable, Writable } from 'node:stream'
import { AquaError, hasCode } from '../../scripts/error.ts'
import { alreadyThere, checkName, localFailure } from './failure.ts'
import type { Store, StoredObject, Upload } from './store.ts'

/** `.<name>.<pid>.<random>.part` */
const unfinished = /^\..+\.\d+\.[0-9a-f]{12}\.part$/

/**
 * A folder. Files are written beside their place (0600), synced, renamed, and the folder is synced: a name stands for a
 * whole file, also after a power cut.
 */
export class LocalStore implements Store {
  readonly kind = 'local'
  readonly where: string
  readonly #make: boolean

  /** `make`: the folder above may be missing and is made. A folder that somebody named must exist: it may be an unmounted disk. */
  constructor(folder: string, options: { make: boolean }) {
    this.where = folder
    this.#make = options.make
  }

  async list(): Promise<StoredObject[]> {
    return this.#try('listing', async () => {
      const names = await fs.readdir(this.where).catch(async (error: unknown) => {
        if (!hasCode(error, 'ENOENT')) throw error
        await this.#above()
        return []
      })
      const objects: StoredObject[] = []
      for (const name of names.sort()) {
        if (name.startsWith('.')) continue
        const stat = await fs.stat(path.join(this.where, name)).catch((error: unknown) => {
          // Removed since the listing.
          if (!hasCode(error, 'ENOENT')) throw error
        })
        if (stat?.isFile()) objects.push({ name, bytes: stat.size, storedAt: stat.mtime })
      }
      return objects
    })
  }

  async create(name: string): Promise<Upload> {
    checkName(name)
    const doing = `writing ${name}`
    const final = path.join(this.where, name)
    const part = path.join(this.where, `.${name}.${process.pid}.${randomBytes(6).toString('hex')}.part`)
    const handle = await this.#try(doing, async () => {
      if (await exists(final)) throw alreadyThere(name, this.where)
      await this.#ready()
      return fs.open(part, 'wx', 0o600)
    })
    let open = true
    const close = async () => {
      if (open) {
        open = false
        await handle.close()
      }
    }
    return {
      writable: new FileWriter(handle, doing, this.where),
      commit: () =>
        this.#try(doing, async () => {
          await handle.sync()
          await close()
          await fs.rename(part, final)
          await this.#sync()
        }),
      abort: async () => {
        await close()
        await fs.rm(part, { force: true })
      },
    }
  }

  async write(name: string, text: string): Promise<void> {
    checkName(name)
    const part = path.join(this.where, `.${name}.${process.pid}.${randomBytes(6).toString('hex')}.part`)
    await this.#try(`writing ${name}`, async () => {
      await this.#ready()
      try {
        await fs.writeFile(part, text, { flag: 'wx', mode: 0o600, flush: true })
        await fs.rename(part, path.join(this.where, name))
      } catch (error) {
        await fs.rm(part, { force: true })
        throw error
      }
      await this.#sync()
    })
  }

  async read(name: string, signal?: AbortSignal): Promise<Readable> {
    checkName(name)
    const handle = await this.#try(`reading ${name}`, () => fs.open(path.join(this.where, name), 'r'))
    return handle.createReadStream({ highWaterMark: 256 * 1024, ...(signal ? { signal } : {}) })
  }

  async readText(name: string): Promise<string> {
    checkName(name)
    return this.#try(`reading ${name}`, () => fs.readFile(path.join(this.where, name), 'utf8'))
  }

  async remove(name: string): Promise<void> {
    checkName(name)
    await this.#try(`removing ${name}`, async () => {
      await fs.rm(path.join(this.where, name), { force: true })
      await this.#sync()
    })
  }

  async sweep(before: Date): Promise<number> {
    return this.#try('sweeping', async () => {
      let swept = 0
      for (const name of await fs.readdir(this.where).catch(noneIfMissing)) {
        if (!unfinished.test(name)) continue
        const file = path.join(this.where, name)
        const stat = await fs.stat(file).catch(() => undefined)
        if (!stat?.isFile() || stat.mtime >= before) continue
        await fs.rm(file, { force: true })
        swept += 1
      }
      return swept
    })
  }

  /** The environment's folder may be new; the one above it says whether this is the right place at all. */
  async #above(): Promise<void> {
    const above = path.dirname(this.where)
    if (this.#make || (await exists(above))) return
    throw new AquaError('STORE_MISSING', `${above} does not exist`, {
      exit: 'missing',
      hint: `mkdir -p ${above}, or mount what belongs there; BACKUP_DIR names it`,
    })
  }

  async #ready(): Promise<void> {
    await this.#above()
    await fs.mkdir(this.where, { recursive: true, mode: 0o700 })
  }

  /** A rename is safe from a power cut when the folder itself is on disk. */
  async #sync(): Promise<void> {
    const folder = await fs.open(this.where, 'r').catch(noneIfMissing)
    if (!('sync' in folder)) return
    try {
      await folder.sync()
    } finally {
      await folder.close()
    }
  }

  async #try<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw localFailure(error, doing, this.where)
    }
  }
}

function noneIfMissing(error: unknown): [] {
  if (hasCode(error, 'ENOENT')) return []
  throw error
}

async function exists(file: string): Promise<boolean> {
  try {
    await fs.lstat(file)
    return true
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false
    throw error
  }
}

/** Writes what has gathered in one call; a short write is continued. */
export class FileWriter extends Writable {
  readonly #handle: fs.FileHandle
  readonly #explain: (error: unknown) => Error

  constructor(handle: fs.FileHandle, doing: string, folder: string) {
    super({ highWaterMark: 1024 * 1024 })
    this.#handle = handle
    this.#explain = (error) => localFailure(error, doing, folder)
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#all([chunk]).then(
      () => done(),
      (error) => done(this.#explain(error)),
    )
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#all(chunks.map(({ chunk }) => chunk)).then(
      () => done(),
      (error) => done(this.#explain(error)),
    )
  }

  async #all(chunks: readonly Buffer[]): Promise<void> {
    let { bytesWritten } = await this.#handle.writev(chunks)
    for (const chunk of chunks) {
      // A full disk may take a part of the bytes; asking again says so.
      for (let at = Math.min(bytesWritten, chunk.length); at < chunk.length; )
        at += (await this.#handle.write(chunk, at)).bytesWritten
      bytesWritten = Math.max(0, bytesWritten - chunk.length)
    }
  }
}
