import { AquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
import { literal, type Postgres, query } from '../postgres.ts'
import type { Archive } from './archive.ts'
import type { Part } from './database.ts'
import { rolesOf, schemasOf } from './entries.ts'
import { readSection } from './sections.ts'

/** Read every byte of every archive and everything they say of themselves, before anything is touched. */
export async function readParts(
  io: Io,
  postgres: Postgres,
  archives: readonly Archive[],
  onBytes: (count: number) => void,
): Promise<Part[]> {
  const parts: Part[] = []
  for (const archive of archives) {
    await archive.check(onBytes)
    const [before, after] = await Promise.all([
      readSection(io, postgres, archive, 'pre-data'),
      readSection(io, postgres, archive, 'post-data'),
    ])
    const part = { archive, definitions: { before, after } }
    refuseNewer(postgres, part)
    refuseOtherSchemas(part)
    parts.push(part)
  }
  return parts
}

const major = (version: string) => Number.parseInt(version, 10)

function refuseNewer(postgres: Postgres, { archive, definitions }: Part): void {
  const { client, server } = definitions.before
  const [what, found, ours] =
    client !== undefined && major(client) > major(postgres.client)
      ? (['pg_dump', client, `pg_restore here is ${postgres.client}`] as const)
      : server !== undefined && major(server) > major(postgres.server.version)
        ? (['a server', server, `the server here is ${postgres.server.version}`] as const)
        : []
  if (what === undefined) return
  throw new AquaError('ARCHIVE_NEWER', `${archive.name} was written by ${what} ${found}, and ${ours}`, {
    exit: 'missing',
    hint: `restore it into PostgreSQL ${major(String(found))}: POSTGRES_IMAGE names the image`,
  })
}

function refuseOtherSchemas({ archive, definitions }: Part): void {
  const entries = [...definitions.before.entries, ...definitions.after.entries]
  const found = schemasOf(entries)
  const others = found.filter((name) => name !== archive.schema)
  const made = entries.some(({ type, name }) => type === 'SCHEMA' && name === archive.schema)
  if (others.length === 0 && made) return
  const holds = others.length > 0 ? `holds ${found.join(', ')}` : 'does not make the schema itself'
  throw new AquaError('WRONG_SCHEMA', `${archive.name} ${holds}, not ${archive.schema} alone`, {
    exit: 'refused',
    hint:
      found.length === 1 && others[0] !== undefined
        ? `aqua restore ${others[0]} ${archive.name}`
        : `a dump by pg_dump -Fc -n ${archive.schema} can be restored`,
  })
}

/** Roles that owners, grants and policies of the archives name, and that this server does not have. */
export async function missingRoles(
  io: Pick<Io, 'probe'>,
  postgres: Postgres,
  parts: readonly Part[],
): Promise<string[]> {
  const named = parts.flatMap(({ definitions: { before, after } }) => rolesOf([...before.entries, ...after.entries]))
  if (named.length === 0) return []
  const rows = await query(
    io,
    postgres,
    `SELECT rolname FROM pg_roles WHERE rolname IN (${named.map(literal).join(', ')})`,
  )
  const there = new Set(rows.flat())
  return [...new Set(named)].filter((name) => !there.has(name)).sort()
}

export function rolesError(missing: readonly string[], fromSet: boolean): AquaError {
  return new AquaError('ROLES_MISSING', `the server lacks roles that the archive names: ${missing.join(', ')}`, {
    exit: 'missing',
    hint: fromSet
      ? '--create-roles makes them as the set has them, without passwords'
      : 'aqua db roles makes those of the services',
  })
}

/** Extensions of the set that this server cannot offer. */
export async function refuseMissingExtensions(
  io: Pick<Io, 'probe'>,
  postgres: Postgres,
  extensions: readonly { name: string }[],
): Promise<void> {
  const there = new Set((await query(io, postgres, 'SELECT name FROM pg_available_extensions')).flat())
  const missing = extensions.filter(({ name }) => !there.has(name))
  if (missing.length === 0) return
  throw new AquaError('EXTENSIONS_MISSING', `the server cannot offer ${missing.map(({ name }) => name).join(', ')}`, {
    exit: 'missing',
    hint: 'install these extensions where the server runs, or use an image that has them',
  })
}
