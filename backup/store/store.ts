import type { Readable, Writable } from 'node:stream'

export interface StoredObject {
  /** Relative to the environment's folder of the store, without a leading slash. */
  name: string
  bytes: number
  /** When the store received it: for people, never for retention. */
  storedAt: Date
}

/** An object on its way: it appears under its name at `commit` and not before. */
export interface Upload {
  readonly writable: Writable
  /** Call after `writable` has finished. Resolves when the object is there for good (file and folder synced; S3 completed). */
  commit(): Promise<void>
  /** Leaves nothing behind. Safe to call at any time, also after a failed `commit`. */
  abort(): Promise<void>
}

/**
 * Where sets lie, for one environment: `backup/artifacts/dev/…` or `s3://bucket/prefix/dev/…`. Everything fails loudly: a
 * list that cannot be read is an error, not an empty list. Errors are AquaErrors that name the store and the object.
 */
export interface Store {
  readonly kind: 'local' | 's3'
  /** For people: the folder, or `s3://bucket/prefix/dev`. */
  readonly where: string
  /** All objects of the environment, unfinished uploads not among them. */
  list(): Promise<StoredObject[]>
  /** Begin an object. `atMost`: bytes the stream can possibly have, for the size of S3 parts; undefined when not known. */
  create(name: string, atMost?: number): Promise<Upload>
  /** Small objects in one go (manifests), with the same promise as `create` + `commit`. */
  write(name: string, text: string): Promise<void>
  read(name: string, signal?: AbortSignal): Promise<Readable>
  readText(name: string): Promise<string>
  /** Also fine for a name that is not there. */
  remove(name: string): Promise<void>
  /** Remove what interrupted runs left (temporary files, unfinished multipart uploads) that is ours and older than `before`. */
  sweep(before: Date): Promise<number>
}
