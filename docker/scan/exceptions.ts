import fs from 'node:fs/promises'
import path from 'node:path'
import { AquaError } from '../../scripts/error.ts'
import type { Finding } from './finding.ts'
import { shortName } from './names.ts'

/** A finding that somebody decided to live with for a while. */
export interface Exception {
  /** The vulnerability by any of its names, or the rule. */
  id: string
  package: string
  /** The image's last name, e.g. `backend-user`; without it, every image. */
  image?: string
  reason: string
  /** `YYYY-MM-DD`, the last day it holds, in UTC; from the next on the finding counts again. */
  expires: string
}

/** A finding with the exception that names it, if any. */
export interface Judged extends Finding {
  exception: Exception | undefined
  expired: boolean
}

export const exceptionsFile = path.join('docker', 'scan', 'exceptions.json')

/** The exceptions of this project; anything but a well-formed list is refused, since a typo must not open the gate. */
export async function readExceptions(root: string): Promise<Exception[]> {
  const text = await fs.readFile(path.join(root, exceptionsFile), 'utf8').catch((error: Error) => {
    throw refused(error.message)
  })
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error))
  }
  const list = (read as { exceptions?: unknown } | null)?.exceptions
  if (!Array.isArray(list)) throw refused('it has no list "exceptions"')
  return list.map((entry: unknown, i) => checked(entry, `exception ${i + 1}`))
}

const fields = ['id', 'package', 'image', 'reason', 'expires']

function checked(entry: unknown, which: string): Exception {
  if (typeof entry !== 'object' || entry === null) throw refused(`${which} is no object`)
  for (const name of Object.keys(entry)) if (!fields.includes(name)) throw refused(`${which} has a field "${name}"`)
  const values = entry as Record<string, unknown>
  for (const name of fields) {
    const value = values[name]
    if (name === 'image' && value === undefined) continue
    if (typeof value !== 'string' || value.trim() === '') throw refused(`${which} has no ${name}`)
  }
  const exception = entry as Exception
  const day = new Date(`${exception.expires}T00:00:00Z`)
  if (Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== exception.expires)
    throw refused(`${which}: expires "${exception.expires}" is no day as YYYY-MM-DD`)
  return exception
}

function refused(why: string): AquaError {
  return new AquaError('EXCEPTIONS_INVALID', `${exceptionsFile} cannot be used: ${why}`, {
    exit: 'usage',
    hint: 'each exception has id, package, reason, expires (YYYY-MM-DD) and, if it is for one image only, image',
  })
}

/** Each finding with the exception that covers it; one that still holds wins over an expired one. */
export function judge(
  findings: readonly Finding[],
  image: string,
  exceptions: readonly Exception[],
  now: Date,
): Judged[] {
  const today = now.toISOString().slice(0, 10)
  return findings.map((finding) => {
    const names = [finding.id, ...finding.aliases]
    const matching = exceptions.filter(
      (one) =>
        names.includes(one.id) &&
        one.package === finding.package &&
        (one.image === undefined || one.image === shortName(image)),
    )
    const valid = matching.find(({ expires }) => expires >= today)
    const exception = valid ?? matching[0]
    return { ...finding, exception, expired: exception !== undefined && !valid }
  })
}

/** Somebody chose to live with it, and the day has not come. */
export function isExcepted(finding: Judged): boolean {
  return finding.exception !== undefined && !finding.expired
}

/** What main fails on: high or critical, mendable, and not excepted. */
export function isBlocking(finding: Judged): boolean {
  return (
    (finding.severity === 'critical' || finding.severity === 'high') &&
    finding.fix !== undefined &&
    !isExcepted(finding)
  )
}
