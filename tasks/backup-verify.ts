import { identityFile, readIdentities } from '../backup/age/identities.ts'
import { type BackupSet, findSet, noManifest } from '../backup/catalog.ts'
import { allSets } from '../backup/inventory.ts'
import { connect, type Postgres } from '../backup/postgres.ts'
import { type Checked, checkedAs, localRestore, problemsOf, verdictRows, verifySet } from '../backup/verify.ts'
import { loadStack } from '../docker/stack.ts'
import type { Context } from '../scripts/context.ts'
import { AquaError, isAquaError } from '../scripts/error.ts'
import type { Secret } from '../scripts/secret.ts'
import type { Io } from '../scripts/step.ts'
import { table } from '../scripts/table.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'Read every byte of a backup: checksums, decryption, decompression, archives',
  group: 'Backup',
  effect: 'read',
  positionals: {
    set: { type: 'string', default: 'latest', describe: 'latest, an id, its beginning, or a label' },
  },
  options: {
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
    from: { type: 'string', choices: ['local', 's3'], describe: 'this store alone; else every store that has it' },
    all: { type: 'boolean', describe: 'every set there is' },
  },
  examples: ['aqua backup verify', 'aqua backup verify 20261123T021700Z --from s3', 'aqua backup verify --all'],
  notes: [
    'Encrypted sets need BACKUP_IDENTITY_FILE. Nothing is restored: aqua backup drill does that.',
    'pg_restore is that of the database where one runs, else the one of this machine.',
  ],
  async plan(args, ctx) {
    const { stack, loaded } = await loadStack(ctx, args.stage, { fileOptional: true })
    return [
      {
        title: `verify ${args.all ? 'all backups' : args.set} of ${args.stage}`,
        effect: 'read',
        async act(io) {
          const known = await allSets(ctx, loaded, args.from)
          const sets = args.all ? known.filter(finished) : copies(known, findSet(known, args.set))
          const postgres = await connect(ctx, stack).catch((error) => withoutDatabase(error, ctx, io))
          let keys: Promise<readonly Secret[]> | undefined
          const read = async () => readIdentities(identityFile(ctx, loaded), (text) => io.out.warn(text))
          const identities = () => {
            keys ??= read()
            return keys
          }
          const found: Checked[] = []
          for (const set of sets) found.push(await verifySet(io, postgres, set, identities))
          report(found, io)
        },
      },
    ]
  },
})

/** A set without a manifest may be one that is being made right now. */
function finished({ problem }: BackupSet): boolean {
  return problem !== noManifest
}

/** The same set in every store that was looked at. */
function copies(sets: readonly BackupSet[], { id }: BackupSet): BackupSet[] {
  return sets.filter((set) => set.id === id)
}

async function withoutDatabase(error: unknown, ctx: Context, io: Io): Promise<Pick<Postgres, 'command'>> {
  const restore = isAquaError(error) ? await localRestore(ctx) : undefined
  if (!restore) throw error
  io.out.note('no database is at hand: the archives are read by the pg_restore of this machine')
  return restore
}

function report(found: readonly Checked[], io: Io): void {
  io.result({ sets: found.map(checkedAs) })
  const rows = found.flatMap(verdictRows)
  for (const line of rows.length > 0 ? table(rows) : []) io.out.print(line)
  if (rows.length === 0) io.out.note('there is nothing to verify')
  const bad = found.map(problemsOf).filter(({ length }) => length > 0)
  if (bad.length === 0) return
  throw new AquaError('VERIFY_FAILED', `${bad.length} of ${found.length} sets cannot be trusted`, {
    exit: 'problems',
    details: bad.flat(),
    hint: 'aqua backup makes a new one; aqua backup list shows the others',
  })
}
