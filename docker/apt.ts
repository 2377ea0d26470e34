import fs from 'node:fs'
import path from 'node:path'
import { type AptSource, debianArchive, parseAptSources, releaseOf } from './install/apt-sources.ts'

export interface DebianMirror {
  archive: string
  security: string | undefined
}

function readSources(etc: string): AptSource[] {
  const folder = path.join(etc, 'sources.list.d')
  const more = fs.existsSync(folder) ? fs.readdirSync(folder).map((name) => path.join(folder, name)) : []
  return [path.join(etc, 'sources.list'), ...more]
    .filter((file) => /\.(list|sources)$/.test(file) && fs.existsSync(file))
    .flatMap((file) => parseAptSources(file, fs.readFileSync(file, 'utf8')))
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
