import { debianArchive, releaseOf } from './install/apt-sources.ts'
import { readSources } from './install/machine.ts'

export interface DebianMirror {
  archive: string
  security: string | undefined
}

/** Debian's archive as this machine's own apt uses it; undefined where apt's sources name no Debian release. */
export function debianMirror(
  env: Readonly<Record<string, string | undefined>>,
  etc = '/etc/apt',
): DebianMirror | undefined {
  if (env.AQUA_DEBIAN_MIRROR) return { archive: env.AQUA_DEBIAN_MIRROR, security: env.AQUA_DEBIAN_SECURITY_MIRROR }
  const sources = readSources(etc)
  const release = releaseOf(sources, undefined)
  const archive = release && debianArchive(sources, release)?.uris[0]
  const security = sources.find(({ types, suites }) => types.includes('deb') && suites.includes(`${release}-security`))
  return archive ? { archive, security: security?.uris[0] } : undefined
}
