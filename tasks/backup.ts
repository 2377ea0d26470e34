import { type BackupOptions, prepare, preview, runBackup } from '../backup/job.ts'
import { compressions } from '../backup/manifest.ts'
import { loadStack } from '../docker/stack.ts'
import { plain } from '../env/load.ts'
import { AquaError } from '../scripts/error.ts'
import type { Io } from '../scripts/step.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'Back up the database, all schemas at one moment, and prune old sets',
  group: 'Backup',
  effect: 'write',
  options: {
    schema: { type: 'string', array: true, describe: 'only these; else every schema of the services' },
    encrypt: { type: 'boolean', describe: 'with age, to the keys of backup/recipients.txt' },
    to: { type: 'string', choices: ['local', 's3', 'both'], default: 'local', describe: 'where the set goes' },
    compress: { type: 'string', choices: compressions, default: 'gzip', describe: 'how it is compressed' },
    buckets: { type: 'boolean', describe: "add the objects of the services' S3 buckets" },
    label: { type: 'string', describe: 'a name for the set, which is then never pruned' },
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
    wait: { type: 'number', default: 0, placeholder: '<seconds>', describe: 'how long to wait for another backup' },
    prune: { type: 'boolean', default: true, describe: 'leave all older sets where they are' },
  },
  examples: ['aqua backup', 'aqua backup --schema user --encrypt', 'aqua backup --stage prod --to both --buckets'],
  notes: [
    'DATABASE_URL or PGHOST name another server; else it is the one in the container of the stage.',
    'A set exists when its manifest does. BACKUP_KEEP says which sets stay; a run that fails deletes nothing.',
  ],
  check(args) {
    if (args.label !== undefined && !/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,62}$/u.test(args.label))
      throw new AquaError('LABEL', `${JSON.stringify(args.label)} cannot be a label`, {
        exit: 'usage',
        hint: 'letters, digits, spaces, dots, dashes and underscores, at most 63',
      })
    if (args.wait < 0) throw new AquaError('USAGE', '--wait takes no negative number', { exit: 'usage' })
  },
  async plan(args, ctx) {
    const { stack, loaded } = await loadStack(ctx, args.stage, { fileOptional: true })
    const options: BackupOptions = {
      schemas: args.schema,
      encrypt: args.encrypt,
      to: args.to,
      compress: args.compress,
      buckets: args.buckets,
      label: args.label,
      waitSeconds: args.wait,
      prune: args.prune,
    }
    const policy = options.prune ? plain(loaded, 'BACKUP_KEEP') : undefined
    // Otherwise all refusals come while the step runs, so that a nightly one is reported like any other failure.
    const would = ctx.dryRun ? preview(await prepare(ctx, ctx, stack, loaded, options), policy) : []
    let undo = async (_: Pick<Io, 'probe'>): Promise<void> => {}
    return [
      {
        title: `back up ${args.stage} to ${args.to === 'both' ? 'local and s3' : args.to}`,
        effect: 'write',
        would,
        act: (io) =>
          runBackup(io, ctx, stack, loaded, options, {
            afterInterrupt: (work) => {
              undo = work
            },
          }),
        onInterrupt: (io) => undo(io),
      },
    ]
  },
})
