import path from 'node:path'
import { lockStep } from '../../docker/lock.ts'
import { services } from '../../docker/services.ts'
import { loadStack } from '../../docker/stack.ts'
import type { Loaded } from '../../env/load.ts'
import type { Context } from '../../scripts/context.ts'
import { AquaError } from '../../scripts/error.ts'
import type { ActStep, Io, Step } from '../../scripts/step.ts'
import type { Stage } from '../../scripts/task.ts'
import { identityFile, readIdentities } from '../age/identities.ts'
import { checkArchive, openArchive } from '../archive.ts'
import type { Manifest } from '../manifest.ts'
import { connect, fromEnvironment, type Postgres, query } from '../postgres.ts'
import { safetyStep } from '../safety.ts'
import type { Store } from '../store/store.ts'
import { copyStep, type Job, schemaStep, swapStep } from './apply.ts'
import type { Archive } from './archive.ts'
import { bucketsStep, checkBuckets } from './buckets.ts'
import type { Part } from './database.ts'
import { checkMagic } from './magic.ts'
import { missingRoles, readParts, refuseMissingExtensions, rolesError } from './preflight.ts'
import { byteProgress, totalBytes } from './progress.ts'
import { rolesStep } from './roles.ts'
import { checkSchema } from './schema.ts'
import { withServicesStopped } from './services.ts'
import { findSource, type Source } from './source.ts'
import { warnOfSpace } from './space.ts'

export interface RestoreOptions {
  stage: Stage
  /** A schema, or `all`. */
  schema: string
  wanted: string
  from: Store['kind'] | undefined
  identity: string | undefined
  /** Name of a new database, in place of the live one. */
  into: string | undefined
  safety: boolean
  live: boolean
  createRoles: boolean
  buckets: boolean
}

export type OpenFile = Parameters<typeof openArchive>[2]

/** From a name to a restored database: find, check everything, stop the services, save what is there, restore, start. */
export async function restoreSteps(ctx: Context, options: RestoreOptions): Promise<Step[]> {
  const { schema, into } = options
  const { stack, loaded } = await loadStack(ctx, options.stage, { fileOptional: true })
  const postgres = await connect(ctx, stack)
  const source = await findSource(ctx, loaded, options)
  if (options.buckets && source.buckets.length === 0)
    throw new AquaError('NO_BUCKETS', `${source.title} holds no buckets`, {
      exit: 'usage',
      hint: 'leave out --buckets',
    })
  ctx.note(`${source.title} → ${into ?? postgres.database} (${postgres.where})`)
  const identities = identitiesOf(ctx, loaded, options.identity)
  let parts: Part[] = []
  const job: Job = {
    postgres,
    title: source.title,
    parts: () => parts,
    extensions: () => extensionsOf(ctx, postgres, source.manifest),
  }
  const check: ActStep = {
    title: `check ${source.title}`,
    effect: 'write',
    would: source.files.map(
      ({ packed }) => `read every byte of ${packed.name}: checksum, unpacking, pg_restore -f /dev/null`,
    ),
    async act(io) {
      for (const { packed } of source.files) await checkMagic(packed)
      if (schema === 'all' && !into) {
        await refusePart(io, postgres, source)
        await refuseReplication(io, postgres)
      }
      const archives = archivesOf(io, postgres, source, identities)
      parts = await readParts(io, postgres, archives, byteProgress(io, 'reading', totalBytes(archives, 'storedBytes')))
      if (options.buckets) await checkBuckets(io, postgres, source, identities)
      const missing = await missingRoles(io, postgres, parts)
      if (missing.length > 0 && !options.createRoles) throw rolesError(missing, source.roles !== undefined)
      if (schema === 'all' || into) {
        await refuseMissingExtensions(io, postgres, await job.extensions())
        await warnOfSpace(io, postgres, totalBytes(archives, 'plainBytes') ?? 0)
      } else if (parts[0]) await checkSchema(io, postgres, parts[0])
      io.done(`check: ${source.files.length} ${source.files.length === 1 ? 'archive is' : 'archives are'} whole`)
    },
  }
  const roles = options.createRoles && source.roles ? [rolesStep(postgres, source.roles, identities)] : []
  if (into) return [check, ...roles, copyStep(job, into, schema !== 'all')]
  const steps = [
    ...roles,
    ...(options.safety
      ? [
          safetyStep(ctx, stack, loaded, {
            why: `before restore ${schema}`,
            buckets: options.buckets,
            otherwise: 'nothing is restored',
            without: '--no-safety restores without one',
          }),
        ]
      : []),
    schema === 'all' ? swapStep(ctx, job) : schemaStep(job, schema),
    ...(options.buckets ? [bucketsStep(stack, loaded, source, identities)] : []),
  ]
  const ours = fromEnvironment(ctx.env) === undefined
  const lock = lockStep(ctx, stack.project, `restore ${schema}`)
  if (ours && !options.live) return [lock, check, withServicesStopped(stack, `replace ${schema}`, steps)]
  return [lock, check, ...steps]
}

/** The files of a source as archives that can be opened and checked. */
export function archivesOf(io: Io, postgres: Postgres, source: Source, identities: OpenFile): Archive[] {
  return source.files.map(({ schema, packed, rows }) => ({
    name: packed.name,
    schema,
    plainBytes: packed.plainBytes,
    storedBytes: packed.stored?.bytes,
    rows,
    open: () => openArchive(io, packed, identities),
    check: (onBytes) => checkArchive(io, postgres, packed, identities, onBytes),
  }))
}

/** Asked for only when something turns out to be encrypted. */
export function identitiesOf(ctx: Context, loaded: Loaded, named: string | undefined): OpenFile {
  return () => readIdentities(named ? path.resolve(ctx.cwd, named) : identityFile(ctx, loaded), ctx.note)
}

/** Of the set; a file without a manifest is taken to need what the live database has. */
async function extensionsOf(
  io: Pick<Io, 'probe'>,
  postgres: Postgres,
  manifest: Manifest | undefined,
): Promise<Manifest['extensions']> {
  if (manifest) return manifest.extensions
  const rows = await query(
    io,
    postgres,
    'SELECT extname, extversion, nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace ORDER BY 1',
  )
  return rows.map(([name = '', version = '', schema = '']) => ({ name, version, schema }))
}

/** A set of some schemas is not all of them: the others would stay at another moment, without anybody having said so. */
async function refusePart(io: Io, postgres: Postgres, source: Source): Promise<void> {
  const there = (await query(io, postgres, 'SELECT nspname FROM pg_namespace')).flat()
  const own = services.flatMap(({ schema }) => (schema && there.includes(schema) ? [schema] : []))
  const lacking = own.filter((name) => !source.files.some(({ schema }) => schema === name))
  if (lacking.length === 0) return
  throw new AquaError('SET_PARTIAL', `${source.title} does not hold all schemas: ${lacking.join(', ')} missing`, {
    exit: 'refused',
    hint: `restore those it holds one by one: aqua restore ${source.files[0]?.schema} …`,
  })
}

/** They hang on the database itself, by its number: after a swap they would go on with the old one. */
async function refuseReplication(io: Io, postgres: Postgres): Promise<void> {
  const found = await query(
    io,
    postgres,
    `SELECT 'subscription ' || subname FROM pg_subscription
WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL SELECT 'replication slot ' || slot_name FROM pg_replication_slots WHERE database = current_database()`,
  )
  if (found.length === 0) return
  throw new AquaError('REPLICATION', `${postgres.database} cannot be swapped: replication hangs on it`, {
    exit: 'refused',
    details: found.flat(),
    hint: 'restore schema by schema, or drop these first and make them again afterwards',
  })
}
