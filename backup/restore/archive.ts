import type { Readable } from 'node:stream'

/** One schema's dump, wherever it lies and however it is packed. */
export interface Archive {
  /** For people: path or object name. */
  name: string
  schema: string
  /** Bytes of the dump itself, where a manifest says so. */
  plainBytes: number | undefined
  /** Bytes of the file in the store, where a manifest says so. */
  storedBytes: number | undefined
  /** Rows per table, where a manifest says so. */
  rows: Readonly<Record<string, number>> | undefined
  /** The dump's bytes. Ends only when all checks have passed; a damaged archive errors instead. */
  open(): Promise<Readable>
  /** Read every byte and let pg_restore read it as well, before anything is touched. `onBytes` hears of stored bytes. */
  check(onBytes: (count: number) => void): Promise<void>
}
