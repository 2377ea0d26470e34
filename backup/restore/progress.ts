import type { Io } from '../../scripts/step.ts'
import { bytes } from '../../scripts/table.ts'

const showEveryMs = 250

/** `reading: 310.0 MiB of 732.0 MiB, 95.1 MiB/s, 4 s left`; without a total, only what has passed. */
export function byteProgress(
  io: Pick<Io, 'progress'>,
  doing: string,
  total: number | undefined,
): (count: number) => void {
  const from = performance.now()
  let shown = from
  let passed = 0
  return (count) => {
    passed += count
    const now = performance.now()
    if (now - shown < showEveryMs) return
    shown = now
    const perSecond = (passed / (now - from)) * 1000
    const left = total === undefined ? '' : `, ${Math.ceil(Math.max(0, total - passed) / perSecond)} s left`
    const of = total === undefined ? '' : ` of ${bytes(total)}`
    io.progress(`${doing}: ${bytes(passed)}${of}, ${bytes(perSecond)}/s${left}`)
  }
}

type Sized = { plainBytes: number | undefined; storedBytes: number | undefined }

/** The sum, or undefined when one of them is not known. */
export function totalBytes(archives: readonly Sized[], which: keyof Sized): number | undefined {
  const sizes = archives.map((archive) => archive[which])
  return sizes.reduce((sum, size) => (sum === undefined || size === undefined ? undefined : sum + size), 0)
}
