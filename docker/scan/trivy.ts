import { distinct, type Finding, severityOf } from './finding.ts'
import { json, noDatabase, oldestDatabaseDays, type Scanner, unreadable } from './scanner.ts'

interface Version {
  VulnerabilityDB?: { UpdatedAt?: string }
  JavaDB?: { UpdatedAt?: string }
}

interface Report {
  SchemaVersion?: number
  Results?:
    | {
        Target: string
        Vulnerabilities?:
          | {
              VulnerabilityID: string
              VendorIDs?: string[]
              PkgName: string
              PkgPath?: string
              InstalledVersion: string
              FixedVersion?: string
              Severity?: string
              Title?: string
              PrimaryURL?: string
            }[]
          | null
      }[]
    | null
}

const dayMs = 86_400_000

export const trivy: Scanner = {
  env: { TRIVY_SKIP_VERSION_CHECK: 'true', TRIVY_DISABLE_TELEMETRY: 'true' },
  // Two databases: the advisories, and the names of jars by their checksum.
  updates: () => [
    ['image', '--download-db-only', '--no-progress'],
    ['image', '--download-java-db-only', '--no-progress'],
  ],
  status: () => ['version', '--format', 'json'],
  database(stdout, now) {
    const { VulnerabilityDB, JavaDB } = json<Version>('trivy', stdout)
    const made = VulnerabilityDB?.UpdatedAt
    if (made === undefined) throw noDatabase('trivy has not downloaded one')
    if (JavaDB?.UpdatedAt === undefined) throw noDatabase('trivy has no Java database, and would not know most jars')
    const days = (now.getTime() - new Date(made).getTime()) / dayMs
    if (!(days <= oldestDatabaseDays))
      throw noDatabase(`trivy's was made ${Math.floor(days)} days ago, and ${oldestDatabaseDays} are allowed`)
    return new Date(made)
  },
  scan: (archive, report) => [
    ...['image', '--input', archive, '--scanners', 'vuln', '--no-progress', '--exit-code', '0'],
    ...['--skip-db-update', '--skip-java-db-update', '--offline-scan', '--format', 'json', '--output', report],
  ],
  parse(report) {
    const { SchemaVersion, Results } = json<Report>('trivy', report)
    if (SchemaVersion !== 2) throw unreadable('trivy', `its schema is ${SchemaVersion}, not 2`)
    return distinct(
      (Results ?? []).flatMap(({ Target, Vulnerabilities }) =>
        (Vulnerabilities ?? []).map(
          (found): Finding => ({
            id: found.VulnerabilityID,
            aliases: found.VendorIDs ?? [],
            severity: severityOf(found.Severity ?? ''),
            package: found.PkgName,
            version: found.InstalledVersion,
            fix: found.FixedVersion || undefined,
            place: found.PkgPath ?? Target,
            title: found.Title ?? found.VulnerabilityID,
            ...(found.PrimaryURL ? { url: found.PrimaryURL } : {}),
          }),
        ),
      ),
    )
  },
}
