import { allSets } from '../backup/inventory.ts'
import { listedAs, listRow } from '../backup/listing.ts'
import { loadEnv } from '../env/load.ts'
import { table } from '../scripts/table.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'List the backups of an environment, in the folder and in S3',
  group: 'Backup',
  effect: 'read',
  options: {
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
    from: { type: 'string', choices: ['local', 's3'], describe: 'this store alone' },
  },
  examples: ['aqua backup list', 'aqua backup list --stage prod --from s3', 'aqua backup list --json'],
  notes: ['Old-style files in backup/artifacts belong to no environment and are listed with each.'],
  async plan(args, ctx) {
    const loaded = await loadEnv(ctx, args.stage, { fileOptional: true })
    return [
      {
        title: `backups of ${args.stage}`,
        effect: 'read',
        async act(io) {
          const sets = await allSets(ctx, loaded, args.from)
          io.result({ environment: args.stage, sets: sets.map(listedAs) })
          const rows = sets.map((set) => listRow(set, ctx))
          for (const line of rows.length > 0 ? table(rows) : []) io.out.print(line)
          if (rows.length === 0) io.out.note(`there is no backup of ${args.stage}; aqua backup makes one`)
        },
      },
    ]
  },
})
