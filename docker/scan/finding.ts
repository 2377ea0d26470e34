/** From worst to least; scanners' own words are mapped to these. */
export const severities = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown'] as const
export type Severity = (typeof severities)[number]

/** One vulnerability in one package of an image, or one rule that a Dockerfile or a Compose file breaks. */
export interface Finding {
  /** `GHSA-…`, `CVE-…`, or the rule's name: `compose/privileged`. */
  id: string
  /** Other names of the same vulnerability. */
  aliases: readonly string[]
  severity: Severity
  /** Maven packages as `group:artifact`; of a rule, the container or the file. */
  package: string
  version: string
  /** The version that mends it, or what to write instead; undefined where there is no fix yet. */
  fix: string | undefined
  /** Path in the image, or of the file in this project. */
  place: string
  /** In a file of this project. */
  line?: number
  title: string
  url?: string
}

/** `Critical`, `HIGH`, `Important`-like unknown words → one of ours. */
export function severityOf(word: string): Severity {
  return severities.find((severity) => severity === word.toLowerCase()) ?? 'unknown'
}

/** A scanner names a package once per place; one line each is enough. The worst come first. */
export function distinct(findings: readonly Finding[]): Finding[] {
  const byKey = new Map<string, Finding>()
  for (const finding of findings) {
    const key = JSON.stringify([finding.id, finding.package, finding.version])
    if (!byKey.has(key)) byKey.set(key, finding)
  }
  const rank = ({ severity }: Finding) => severities.indexOf(severity)
  const name = (finding: Finding) => `${finding.package} ${finding.id}`
  return [...byKey.values()].sort((a, b) => rank(a) - rank(b) || (name(a) < name(b) ? -1 : 1))
}
