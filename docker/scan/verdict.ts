import { AquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
import { type Exception, exceptionsFile, isBlocking, isExcepted } from './exceptions.ts'
import type { Mode } from './mode.ts'
import { count, type Report, reportFiles, reportsFolder, summary } from './report.ts'

export interface Judgement {
  reports: readonly Report[]
  failed: readonly { target: string; error: AquaError }[]
  exceptions: readonly Exception[]
  mode: Mode
  now: Date
  /** When the vulnerability database was made; undefined when none was asked. */
  built: Date | undefined
}

/** How many findings the terminal shows; all are in the reports. */
const shown = 20

/** Print the table, then fail when one of the targets, whichever, gives a reason to. */
export function verdict(io: Io, judgement: Judgement): void {
  const { reports, failed, mode, built } = judgement
  const open = reports.flatMap((report) => report.findings.filter(isBlocking).map((finding) => ({ report, finding })))
  const lines = open.map(({ report: { target }, finding }) => {
    const what = `${finding.severity} ${finding.id} in ${finding.package} ${finding.version}`.trimEnd()
    const expired = finding.expired ? `; its exception expired on ${finding.exception?.expires}` : ''
    return `${target}: ${what}, fixed by ${finding.fix}${expired}`
  })
  for (const line of summary(reports)) io.out.print(line)
  for (const line of tellExceptions(judgement)) io.out.note(line)
  io.result({
    mode,
    database: built?.toISOString() ?? null,
    images: reports.map((report) => ({
      image: report.target,
      id: report.imageId ?? null,
      scanner: report.tool ?? null,
      ...count(report),
      reports: reportFiles(report.target),
    })),
    blocking: open.map(({ report, finding }) => ({ image: report.target, ...finding })),
    failed: failed.map(({ target, error }) => ({ image: target, code: error.code, message: error.message })),
  })
  const details = [...lines.slice(0, shown), ...(lines.length > shown ? [`and ${lines.length - shown} more`] : [])]
  if (mode === 'enforce' && open.length > 0)
    throw new AquaError(
      'VULNERABLE',
      `${open.length === 1 ? 'a high or critical finding has' : `${open.length} high or critical findings have`} a fix`,
      {
        exit: 'problems',
        details: [...details, ...notScanned(failed)],
        hint: `take the fixed versions; ${reportsFolder} has all, ${exceptionsFile} is for what has to wait`,
      },
    )
  if (mode === 'report') for (const line of details) io.out.warn(line)
  if (failed.length > 0) throw incomplete(failed)
}

function notScanned(failed: Judgement['failed']): string[] {
  return failed.map(({ target, error }) => `${target} was not scanned: ${error.message}`)
}

/** With the exit code of the only reason there is, e.g. 3 where the engine is gone. */
function incomplete(failed: Judgement['failed']): AquaError {
  const [first] = failed
  const same = failed.every(({ error }) => error.exitCode === first?.error.exitCode)
  return new AquaError('SCAN_INCOMPLETE', `${failed.map(({ target }) => target).join(', ')} could not be scanned`, {
    exit: same && first?.error.exitCode === 3 ? 'missing' : 'failed',
    details: failed.flatMap(({ target, error }) => [`${target}: ${error.message}`, ...error.details]),
    hint: first?.error.hint ?? 'run it again with --verbose',
  })
}

/** Which exceptions were used, which have run out, and which nothing needs any more. */
function tellExceptions({ reports, exceptions, now }: Judgement): string[] {
  const today = now.toISOString().slice(0, 10)
  return exceptions.flatMap((exception) => {
    const { id, package: name, expires, reason } = exception
    const covered = reports.filter(({ findings }) => findings.some((finding) => finding.exception === exception))
    const where = covered.map(({ target }) => target).join(', ')
    if (expires < today)
      return [`exception for ${id} in ${name} expired on ${expires}${where && `: it counts in ${where}`}`]
    return covered.some(({ findings }) => findings.some((one) => one.exception === exception && isExcepted(one)))
      ? [`excepted until ${expires}: ${id} in ${name} (${where}): ${reason}`]
      : []
  })
}
