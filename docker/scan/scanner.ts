import { AquaError } from '../../scripts/error.ts'
import type { Finding } from './finding.ts'

/** What differs between Grype and Trivy. All of it is data: the caller runs the commands. */
export interface Scanner {
  /** Fetches a newer vulnerability database. That may fail: an older one may still do. */
  updates(): readonly (readonly string[])[]
  /** Asks which database there is; its answer goes to `database`. */
  status(): readonly string[]
  /** When the database was made. Throws (exit 3) when there is none, or one too old to be believed. */
  database(stdout: string, now: Date): Date
  /** Reads `archive`, writes its report as JSON to `report`; never exits other than 0 because of what it found. */
  scan(archive: string, report: string): readonly string[]
  /** The findings of a report; throws when it is none, so that an empty file is never "no vulnerabilities". */
  parse(report: string): Finding[]
  env: Readonly<Record<string, string>>
}

/** After this many days without a new database nothing can be said about today's image. Grype's own limit. */
export const oldestDatabaseDays = 5

export function noDatabase(why: string): AquaError {
  return new AquaError('DATABASE_MISSING', `there is no vulnerability database to scan with: ${why}`, {
    exit: 'missing',
    hint: 'let this machine reach the network once, or bring an archive with grype db import',
  })
}

export function unreadable(scanner: string, why: string): AquaError {
  return new AquaError('REPORT_UNREADABLE', `${scanner} wrote no report that can be read: ${why}`)
}

/** Parse JSON from a scanner, naming it when that fails. */
export function json<T>(scanner: string, text: string): T {
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw unreadable(scanner, error instanceof Error ? error.message : String(error))
  }
}
