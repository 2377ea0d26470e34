/** Which distribution this is, from `/etc/os-release`. */
export interface OsRelease {
  id: string
  /** Its relatives, nearest first: Linux Mint says `ubuntu debian`. */
  like: readonly string[]
  version: string
  codename: string | undefined
  pretty: string
}

/** Reads os-release's shell-like assignments. */
export function parseOsRelease(text: string): OsRelease {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, name, value] = /^([A-Z_0-9]+)=(.*)$/.exec(line.trim()) ?? []
    if (name !== undefined && value !== undefined) values.set(name, value.replace(/^(["'])(.*)\1$/, '$2'))
  }
  const id = values.get('ID') ?? 'linux'
  return {
    id,
    like: (values.get('ID_LIKE') ?? '').split(/\s+/).filter((word) => word !== ''),
    version: values.get('VERSION_ID') ?? '',
    // A Debian derivative has a code name of its own and says Debian's beside it.
    codename: values.get('DEBIAN_CODENAME') ?? values.get('VERSION_CODENAME'),
    pretty: values.get('PRETTY_NAME') ?? id,
  }
}

/** Whose packages it uses; undefined when they are neither Debian's nor Ubuntu's. */
export function packagesOf(os: OsRelease): 'debian' | 'ubuntu' | undefined {
  return [os.id, ...os.like].find((name) => name === 'debian' || name === 'ubuntu')
}
