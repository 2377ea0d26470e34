import { AquaError } from '../scripts/error.ts'
import type { Store } from './store/store.ts'

/**
 * The stores that one set goes to. One that fails is left out of the rest of the run and named at its end, so that the other
 * still gets its set; when none is left, the run fails with the first reason.
 */
export class Destinations {
  readonly stores: readonly Store[]
  readonly failures = new Map<Store, Error>()
  readonly #made = new Map<Store, Set<string>>()

  constructor(stores: readonly Store[]) {
    this.stores = stores
  }

  get left(): Store[] {
    return this.stores.filter((store) => !this.failures.has(store))
  }

  fail(store: Store, error: Error): void {
    if (!this.failures.has(store)) this.failures.set(store, error)
  }

  /** Do it in every store that is left, side by side. */
  async each(work: (store: Store) => Promise<void>): Promise<void> {
    await Promise.all(this.left.map((store) => work(store).catch((error: unknown) => this.fail(store, error as Error))))
    this.throwIfNoneLeft()
  }

  /** An object of ours is there under its name, or may be. */
  made(store: Store, name: string): void {
    this.#made.set(store, (this.#made.get(store) ?? new Set()).add(name))
  }

  /** Remove what this run has made, the manifest first. What cannot be removed is the next run's to sweep. */
  async clear(stores: readonly Store[]): Promise<void> {
    await Promise.allSettled(
      stores.map(async (store) => {
        for (const name of [...(this.#made.get(store) ?? [])].reverse()) await store.remove(name)
      }),
    )
  }

  throwIfNoneLeft(): void {
    if (this.left.length > 0) return
    const [first] = this.failures.values()
    throw first
  }

  /** For the end of a run: a set that is missing in one of its stores is no success. */
  partial(id: string): AquaError | undefined {
    const [failed] = this.failures
    if (!failed) return undefined
    const [store, error] = failed
    const details = error instanceof AquaError ? [error.message, ...error.details] : [error.message]
    return new AquaError('STORE_FAILED', `the set ${id} is whole in ${this.left[0]?.where} but not in ${store.where}`, {
      details,
      hint: error instanceof AquaError && error.hint ? error.hint : 'mend that store and run the backup again',
      cause: error,
    })
  }
}
