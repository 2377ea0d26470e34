import { AquaError } from '../../scripts/error.ts'

/** What a bill of materials says, in whichever format. */
export interface Contents {
  /** Names of the packages, the image itself left out. */
  packages: string[]
}

/** `reports/sbom/<image>.<suffix>`. The versions are pinned: a newer Syft does not change what readers get. */
export const formats = {
  spdx: { suffix: 'spdx.json', syft: 'spdx-json@2.3', read: readSpdx },
  cyclonedx: { suffix: 'cdx.json', syft: 'cyclonedx-json@1.6', read: readCycloneDx },
} as const
export type Format = keyof typeof formats

interface Spdx {
  spdxVersion?: string
  dataLicense?: string
  SPDXID?: string
  name?: string
  documentNamespace?: string
  creationInfo?: { created?: string; creators?: string[] }
  packages?: { name?: string; SPDXID?: string; downloadLocation?: string; primaryPackagePurpose?: string }[]
}

/** SPDX 2.3 as JSON, with all that its schema requires of a document and of its packages. */
function readSpdx(text: string): Contents {
  const spdx = parsed<Spdx>(text)
  const { creationInfo = {}, packages } = spdx
  demand(spdx.spdxVersion === 'SPDX-2.3', `its spdxVersion is ${spdx.spdxVersion}, not SPDX-2.3`)
  demand(spdx.SPDXID === 'SPDXRef-DOCUMENT', 'its SPDXID is not SPDXRef-DOCUMENT')
  for (const name of ['dataLicense', 'name', 'documentNamespace'] as const) demand(spdx[name], `it has no ${name}`)
  demand(creationInfo.created && creationInfo.creators?.length, 'it does not say who made it and when')
  demand(Array.isArray(packages), 'it has no list of packages')
  for (const { name, SPDXID, downloadLocation } of packages)
    demand(
      name && SPDXID && downloadLocation,
      `package ${name ?? SPDXID ?? ''} has no name, SPDXID or downloadLocation`,
    )
  const inside = packages.filter(({ primaryPackagePurpose }) => primaryPackagePurpose !== 'CONTAINER')
  return { packages: inside.map(({ name = '' }) => name) }
}

interface CycloneDx {
  bomFormat?: string
  specVersion?: string
  metadata?: { component?: { name?: string } }
  components?: { type?: string; name?: string }[]
}

/** CycloneDX 1.6 as JSON, with all that its schema requires of a document and of its components. */
function readCycloneDx(text: string): Contents {
  const { bomFormat, specVersion, metadata, components } = parsed<CycloneDx>(text)
  demand(bomFormat === 'CycloneDX', `its bomFormat is ${bomFormat}, not CycloneDX`)
  demand(specVersion === '1.6', `its specVersion is ${specVersion}, not 1.6`)
  demand(metadata?.component?.name, 'it does not name the image')
  demand(Array.isArray(components), 'it has no list of components')
  for (const { name, type } of components) demand(name && type, `component ${name ?? ''} has no name or type`)
  return { packages: components.filter(({ type }) => type !== 'file').map(({ name = '' }) => name) }
}

function parsed<T>(text: string): T {
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error))
  }
}

function demand(holds: unknown, otherwise: string): asserts holds {
  if (!holds) throw invalid(otherwise)
}

function invalid(why: string): AquaError {
  return new AquaError('SBOM_INVALID', `the bill of materials is not valid: ${why}`, {
    exit: 'problems',
    hint: 'nothing was written; run it again with --verbose',
  })
}

/** Debian's `openjdk-21-jre-headless`, Temurin's `jre`, and so on; not a library made for some JDK. */
const javaRuntime = /(^|[-_])(jre|jdk|openjdk|graalvm|zulu)([-_]|$)/i

/** Refuses a document without packages, and one of a service that misses what every service is made of. */
export function checkContents({ packages }: Contents, ofService: boolean): void {
  demand(packages.length > 0, 'it names no package')
  if (!ofService) return
  demand(packages.includes('spring-boot'), 'it does not name Spring Boot, of which every service is made')
  demand(
    packages.some((name) => javaRuntime.test(name)),
    'it does not name the Java runtime under the service',
  )
}
