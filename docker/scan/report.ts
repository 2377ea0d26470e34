import fs from 'node:fs/promises'
import path from 'node:path'
import { table } from '../../scripts/table.ts'
import { writeFileWhole } from '../state.ts'
import { isBlocking, isExcepted, type Judged } from './exceptions.ts'
import { fileStem } from './names.ts'
import { sarif } from './sarif.ts'
import type { Tool } from './tool.ts'

/** Everything that was found in one image, or in the configuration files. */
export interface Report {
  /** The image's name, or `configuration`. */
  target: string
  /** The image's id; undefined for the configuration. */
  imageId: string | undefined
  findings: readonly Judged[]
  /** What found it; undefined: aqua's own rules. */
  tool: Tool | undefined
}

/** Relative to the project; ignored by git. */
export const reportsFolder = path.join('reports', 'scan')

export interface Counts {
  critical: number
  high: number
  /** High and critical ones that a newer version mends: what main fails on. */
  fixable: number
  /** Findings of any severity that an exception covers today; they are in no other column. */
  excepted: number
}

export function count({ findings }: Pick<Report, 'findings'>): Counts {
  const open = findings.filter((finding) => !isExcepted(finding))
  return {
    critical: open.filter(({ severity }) => severity === 'critical').length,
    high: open.filter(({ severity }) => severity === 'high').length,
    fixable: open.filter(isBlocking).length,
    excepted: findings.length - open.length,
  }
}

/** One line per target, as the terminal and the summary show it. */
export function summary(reports: readonly Report[]): string[] {
  const rows = reports.map((report) => {
    const { critical, high, fixable, excepted } = count(report)
    return {
      image: report.target,
      critical: String(critical),
      high: String(high),
      fixable: String(fixable),
      excepted: String(excepted),
    }
  })
  return table(rows, ['image', 'critical', 'high', 'fixable', 'excepted'])
}

/** Each finding on a line, with what was decided about it. */
export function details(findings: readonly Judged[]): string[] {
  const rows = findings.map((finding) => ({
    id: [finding.id, ...finding.aliases].join(' '),
    severity: finding.severity,
    package: `${finding.package} ${finding.version}`.trim(),
    fix: finding.fix ?? 'none yet',
    exception: finding.exception
      ? `${finding.expired ? 'expired' : 'until'} ${finding.exception.expires}: ${finding.exception.reason}`
      : '',
  }))
  return rows.length > 0 ? table(rows) : ['nothing found']
}

export type ReportFiles = Readonly<Record<'table' | 'json' | 'sarif', string>>

/** Where the reports of a target go, relative to the project. */
export function reportFiles(target: string): ReportFiles {
  const stem = path.join(reportsFolder, fileStem(target))
  return { table: `${stem}.txt`, json: `${stem}.json`, sarif: `${stem}.sarif` }
}

/** Yesterday's report beside today's failure would be taken for today's. */
export async function removeReports(root: string, targets: readonly string[]): Promise<void> {
  const files = targets.flatMap((target) => Object.values(reportFiles(target)))
  await Promise.all(files.map((file) => fs.rm(path.join(root, file), { force: true })))
}

/** Table, JSON and SARIF of one target, each under its final name only when whole. */
export async function writeReports(root: string, report: Report): Promise<ReportFiles> {
  const files = reportFiles(report.target)
  const { target, imageId, tool, findings } = report
  const head = `${target}${imageId ? ` (${imageId})` : ''}, ${tool ? `${tool.name} ${tool.version}` : "aqua's rules"}`
  await writeFileWhole(path.join(root, files.table), `${[head, '', ...details(findings), ''].join('\n')}`)
  const json = { target, imageId: imageId ?? null, tool: tool ?? null, counts: count(report), findings }
  await writeFileWhole(path.join(root, files.json), `${JSON.stringify(json, null, 2)}\n`)
  await writeFileWhole(path.join(root, files.sarif), `${JSON.stringify(sarif(report), null, 2)}\n`)
  return files
}
