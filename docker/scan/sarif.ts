import { isExcepted, type Judged } from './exceptions.ts'
import type { Severity } from './finding.ts'
import { fileStem, shortName } from './names.ts'
import type { Report } from './report.ts'

/** Where GitHub draws its lines: over 9 critical, from 7 high, from 4 medium. */
const score: Record<Severity, string> = {
  critical: '9.5',
  high: '8.0',
  medium: '5.5',
  low: '2.0',
  negligible: '0.5',
  unknown: '0.0',
}

const level = (severity: Severity) =>
  severity === 'critical' || severity === 'high' ? 'error' : severity === 'medium' ? 'warning' : 'note'

/**
 * SARIF 2.1.0, one run with a category of its own per target, which is how GitHub's code scanning keeps seven images
 * apart. Excepted findings are in it as suppressed, with their reason.
 */
export function sarif({ target, tool, findings }: Report): unknown {
  const rules = new Map(findings.map((finding) => [finding.id, rule(finding)]))
  const driver = tool
    ? { name: tool.name, version: tool.version, informationUri: homepages[tool.name] }
    : { name: 'aqua' }
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { ...driver, rules: [...rules.values()] } },
        automationDetails: { id: `scan/${fileStem(target)}/` },
        results: findings.map((finding) => result(finding, target)),
      },
    ],
  }
}

const homepages: Readonly<Record<string, string>> = {
  grype: 'https://github.com/anchore/grype',
  trivy: 'https://github.com/aquasecurity/trivy',
}

function rule(finding: Judged) {
  return {
    id: finding.id,
    shortDescription: { text: `${finding.id}: ${finding.package}` },
    fullDescription: { text: finding.title },
    ...(finding.url ? { helpUri: finding.url } : {}),
    properties: { 'security-severity': score[finding.severity], tags: ['security', ...finding.aliases] },
  }
}

function result(finding: Judged, target: string) {
  const what = `${finding.package} ${finding.version}`.trim()
  const mend = finding.fix ? `fixed by ${finding.fix}` : 'no fix yet'
  return {
    ruleId: finding.id,
    level: level(finding.severity),
    message: { text: `${target}: ${what}: ${finding.title} (${finding.severity}, ${mend})` },
    locations: [
      {
        // Relative, as the format wants it: `app/lib/x.jar` in the image, or a file of this project.
        physicalLocation: {
          artifactLocation: { uri: encodeURI(finding.place.replace(/^\/+/, '') || target) },
          region: { startLine: finding.line ?? 1 },
        },
        logicalLocations: [{ fullyQualifiedName: `${target}:${finding.package}` }],
      },
    ],
    partialFingerprints: { 'aqua/v1': [shortName(target), finding.id, finding.package].join('|') },
    ...(isExcepted(finding) && finding.exception
      ? { suppressions: [{ kind: 'external', status: 'accepted', justification: finding.exception.reason }] }
      : {}),
  }
}
