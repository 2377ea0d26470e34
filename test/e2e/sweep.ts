/**
 * Sweeps of faults and kills take minutes. With AQUA_TEST_FULL=1 they take every case; else a third of them, another third each
 * day, so that a run stays short and a week has seen them all.
 */
export const full = process.env.AQUA_TEST_FULL === '1'
const parts = full ? 1 : 3
const today = Math.floor(Date.now() / 86_400_000) % parts

/** Whether this run takes the case of that number. */
export function taken(index: number): boolean {
  return index % parts === today
}

/** How many cases of `all` one run takes at the least. */
export function share(all: number): number {
  return Math.floor(all / parts)
}
