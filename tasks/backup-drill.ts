import { drillSteps } from '../backup/drill.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'Restore a set into a throwaway PostgreSQL and compare it with its manifest',
  group: 'Backup',
  effect: 'write',
  positionals: { set: { type: 'string', default: 'latest', describe: "a set's id or label, or latest" } },
  options: {
    from: { type: 'string', choices: ['local', 's3'], describe: 'look in this store alone' },
    identity: { type: 'string', placeholder: '<file>', describe: 'secret key, in place of BACKUP_IDENTITY_FILE' },
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
  },
  examples: [
    'aqua backup drill',
    'aqua backup drill 20261123T200512Z --stage prod --from s3',
    'aqua backup drill --json',
  ],
  notes: [
    "It runs in a container of its own, without a network; the stack's database is not touched.",
    'Exit code 5 when rows, foreign keys or views differ. When it was done last goes into the metrics of backups.',
  ],
  plan: (args, ctx) =>
    drillSteps(ctx, { stage: args.stage, wanted: args.set, from: args.from, identity: args.identity }),
})
