import { distinct, severityOf } from './finding.ts'
import { json, noDatabase, type Scanner, unreadable } from './scanner.ts'

interface Status {
  built?: string
  valid: boolean
  error?: string
}

interface Report {
  matches?: {
    vulnerability: {
      id: string
      severity?: string
      description?: string
      dataSource?: string
      fix?: { state?: string; versions?: string[] | null }
    }
    relatedVulnerabilities?: { id: string }[] | null
    artifact: { name: string; version: string; purl?: string; locations?: { path: string }[] | null }
  }[]
}

/** `pkg:maven/group/artifact@1?…` → `group:artifact`, as advisories name it; other packages by their plain name. */
function packageName(name: string, purl = ''): string {
  const [, group, artifact] = /^pkg:maven\/([^/@]+)\/([^@?]+)/.exec(purl) ?? []
  return group && artifact ? `${decodeURIComponent(group)}:${decodeURIComponent(artifact)}` : name
}

export const grype: Scanner = {
  // The database is brought up to date once, by a command of its own, so that all images meet the same one.
  env: { GRYPE_CHECK_FOR_APP_UPDATE: 'false', GRYPE_DB_AUTO_UPDATE: 'false' },
  updates: () => [['db', 'update']],
  status: () => ['db', 'status', '-o', 'json'],
  // Grype itself calls a database of more than five days invalid.
  database(stdout) {
    const status = stdout.trim() === '' ? { valid: false } : json<Status>('grype', stdout)
    if (!status.valid || status.built === undefined) throw noDatabase(status.error ?? 'grype knows of none')
    return new Date(status.built)
  },
  scan: (archive, report) => [`docker-archive:${archive}`, '--output', 'json', '--file', report],
  parse(report) {
    const { matches } = json<Report>('grype', report)
    if (!Array.isArray(matches)) throw unreadable('grype', 'it has no list of matches')
    return distinct(
      matches.map(({ vulnerability, relatedVulnerabilities, artifact }) => {
        const { id, fix, description, dataSource } = vulnerability
        const fixed = fix?.state === 'fixed' ? (fix.versions ?? []) : []
        return {
          id,
          aliases: (relatedVulnerabilities ?? []).map((related) => related.id).filter((alias) => alias !== id),
          severity: severityOf(vulnerability.severity ?? ''),
          package: packageName(artifact.name, artifact.purl),
          version: artifact.version,
          fix: fixed.length > 0 ? fixed.join(', ') : undefined,
          place: artifact.locations?.[0]?.path ?? '',
          title: description ?? id,
          ...(dataSource?.startsWith('https://') ? { url: dataSource } : {}),
        }
      }),
    )
  },
}
