/** One archive of the machine's apt configuration. */
export interface AptSource {
  types: readonly string[]
  uris: readonly string[]
  suites: readonly string[]
  components: readonly string[]
  /** Every other field as it stands (`Signed-By`, `Trusted`, …): whoever reaches the archive needs them. */
  options: Readonly<Record<string, string>>
}

/** Reads a file of `/etc/apt`: deb822 for `.sources`, one line each for `.list`. Disabled entries are left out. */
export function parseAptSources(file: string, text: string): AptSource[] {
  return file.endsWith('.sources') ? parseDeb822(text) : parseList(text)
}

function parseDeb822(text: string): AptSource[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'))
  return lines
    .join('\n')
    .split(/\n\s*\n/)
    .flatMap((stanza) => {
      const fields: Record<string, string> = {}
      let last = ''
      for (const line of stanza.split('\n')) {
        const [, name, value] = /^([A-Za-z0-9-]+):(.*)$/.exec(line) ?? []
        if (name !== undefined && value !== undefined) {
          last = titled(name)
          fields[last] = value.trim()
        } else if (/^\s+\S/.test(line) && last) fields[last] += `\n${line}`
      }
      const { Types, URIs, Suites, Components, Enabled, ...options } = fields
      if (!Types || !URIs || !Suites || /^(no|false|without|off|disable|0)$/i.test(Enabled ?? 'yes')) return []
      const words = (value = '') => value.split(/\s+/).filter((word) => word !== '')
      return [{ types: words(Types), uris: words(URIs), suites: words(Suites), components: words(Components), options }]
    })
}

/** Field names are case-insensitive. */
function titled(name: string): string {
  if (name.toLowerCase() === 'uris') return 'URIs'
  return name.toLowerCase().replace(/(^|-)[a-z]/g, (letters) => letters.toUpperCase())
}

function parseList(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const [, type, bracket = '', rest = ''] = /^\s*(deb(?:-src)?)\s+(?:\[([^\]]*)\]\s+)?([^#]+)/.exec(line) ?? []
    const [uri, suite, ...components] = rest.trim().split(/\s+/)
    if (type === undefined || !uri || !suite) return []
    const options = Object.fromEntries(
      bracket
        .trim()
        .split(/\s+/)
        .filter((word) => word.includes('='))
        .map((word) => {
          const [name = '', value = ''] = word.split(/=(.*)/)
          // One-line options and deb822 fields differ in a name or two.
          return [name === 'arch' ? 'Architectures' : titled(name), value.replaceAll(',', ' ')]
        }),
    )
    return [{ types: [type], uris: [uri], suites: [suite], components, options }]
  })
}

const generic = ['stable', 'oldstable']

/**
 * Debian's main archive among the machine's sources, and not its security archive or somebody else's packages for the
 * same release: signed by Debian's key, with an `-updates` suite, in a folder called `debian`.
 */
export function debianArchive(sources: readonly AptSource[], codename: string): AptSource | undefined {
  const release = [codename, ...generic]
  const isMain = (source: AptSource) =>
    source.types.includes('deb') &&
    source.components.includes('main') &&
    source.suites.some((suite) => release.includes(suite)) &&
    !source.uris.some((uri) => /debian-security/.test(uri))
  const score = (source: AptSource) => {
    const key = source.options['Signed-By']
    const sameUri = sources.filter(({ uris }) => uris.some((uri) => source.uris.includes(uri)))
    const updates = sameUri.some(({ suites }) =>
      suites.some((suite) => release.includes(suite.replace(/-updates$/, '')) && suite.endsWith('-updates')),
    )
    return (
      (key?.includes('debian-archive') ? 4 : key === undefined ? 1 : 0) +
      (updates ? 2 : 0) +
      (source.uris.some((uri) => /\/debian\/?$/.test(uri)) ? 1 : 0)
    )
  }
  // One point is no evidence: a third party without a key of its own has as much.
  return sources.filter((source) => isMain(source) && score(source) > 1).sort((a, b) => score(b) - score(a))[0]
}

/** The release that the machine really takes its packages from; a partly upgraded one says another in os-release. */
export function releaseOf(sources: readonly AptSource[], codename: string | undefined): string | undefined {
  const known = ['bookworm', 'trixie', 'forky', 'sid']
  if (codename !== undefined && debianArchive(sources, codename)) return codename
  return known.find((name) => debianArchive(sources, name)) ?? codename
}

/** The same archive, same mirror and key, for another release: a deb822 file. */
export function sourceFor(archive: AptSource, release: string): string {
  const extra = Object.entries(archive.options).map(([name, value]) => `${name}: ${value}`)
  return [
    'Types: deb',
    `URIs: ${archive.uris.join(' ')}`,
    `Suites: ${release} ${release}-updates`,
    'Components: main',
    ...extra,
    '',
  ].join('\n')
}

/**
 * Priority 100: nothing comes from that release unless it is asked for by name, and what was, is kept up to date.
 * Written before the source: an upgrade that starts between the two would take the whole machine along.
 */
export function pinFor(release: string): string {
  return `Package: *\nPin: release n=${release}*\nPin-Priority: 100\n`
}
