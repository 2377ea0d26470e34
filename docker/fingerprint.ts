import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import fs from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Context } from '../scripts/context.ts'
import { readState, writeState } from './state.ts'

/** Relative path → SHA-256 of the content, in path order. */
export type Fingerprint = Readonly<Record<string, string>>

type CacheEntry = [size: number, mtimeMs: number, ino: number, sha: string]

/**
 * Content hashes of files. Like git's index, a file whose size, time and inode are as last seen is not read again;
 * the verdict is about content all the same: a touched file with equal content counts as unchanged.
 */
export class Hasher {
  readonly #ctx: Pick<Context, 'stateDir'>
  #cache: Record<string, CacheEntry> | undefined
  #dirty = false

  constructor(ctx: Pick<Context, 'stateDir'>) {
    this.#ctx = ctx
  }

  async file(file: string): Promise<string> {
    this.#cache ??= (await readState<Record<string, CacheEntry>>(this.#ctx, 'hashes')) ?? {}
    const { size, mtimeMs, ino } = await fs.stat(file)
    const known = this.#cache[file]
    if (known && known[0] === size && known[1] === mtimeMs && known[2] === ino) return known[3]
    const hash = createHash('sha256')
    await pipeline(createReadStream(file), hash)
    const sha = hash.digest('hex')
    // A file written within the clock's resolution of its hashing could change again unseen: not remembered.
    if (Date.now() - mtimeMs > 1000) {
      this.#cache[file] = [size, mtimeMs, ino, sha]
      this.#dirty = true
    }
    return sha
  }

  /** Hash `files` (absolute) under names relative to `root`. */
  async all(root: string, files: readonly string[]): Promise<Fingerprint> {
    const entries = await Promise.all(
      files.map(async (file) => [path.relative(root, file), await this.file(file)] as const),
    )
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  async save(): Promise<void> {
    if (this.#dirty && this.#cache) await writeState(this.#ctx, 'hashes', this.#cache)
    this.#dirty = false
  }
}

/** One hash for a whole fingerprint. */
export function digest(fingerprint: Fingerprint): string {
  const hash = createHash('sha256')
  for (const [name, sha] of Object.entries(fingerprint)) hash.update(`${name}\0${sha}\n`)
  return hash.digest('hex')
}

/** The first difference in words, for `--why`: "backend-user/…/UserController.java changed". */
export function firstDifference(before: Fingerprint | undefined, now: Fingerprint): string | undefined {
  if (!before) return 'nothing was built yet'
  for (const [name, sha] of Object.entries(now)) {
    if (before[name] === undefined) return `${name} is new`
    if (before[name] !== sha) return `${name} changed`
  }
  const gone = Object.keys(before).find((name) => now[name] === undefined)
  return gone === undefined ? undefined : `${gone} is gone`
}
