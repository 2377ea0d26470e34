import { findSet } from '../backup/catalog.ts'
import { allSets } from '../backup/inventory.ts'
import { fileRow, listedAs, properties } from '../backup/listing.ts'
import { loadEnv } from '../env/load.ts'
import { table } from '../scripts/table.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'Show what is in one backup: files, rows, versions, recipients',
  group: 'Backup',
  effect: 'read',
  positionals: {
    set: { type: 'string', default: 'latest', describe: 'latest, an id, its beginning, or a label' },
  },
  options: {
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
    from: { type: 'string', choices: ['local', 's3'], describe: 'this store alone' },
  },
  examples: ['aqua backup show', 'aqua backup show 20261123T021700Z', 'aqua backup show before-2.0 --from s3'],
  async plan(args, ctx) {
    const loaded = await loadEnv(ctx, args.stage, { fileOptional: true })
    return [
      {
        title: `backup ${args.set} of ${args.stage}`,
        effect: 'read',
        async act(io) {
          const set = findSet(await allSets(ctx, loaded, args.from), args.set)
          io.result({ ...listedAs(set), manifest: set.manifest ?? null })
          for (const [name, value] of properties(set, ctx)) io.out.print(`${name.padEnd(11)} ${value}`)
          io.out.print('')
          for (const line of table(set.files.map((file) => fileRow(set, file)))) io.out.print(line)
          const tables = Object.entries(set.manifest?.rows ?? {}).flatMap(([schema, counts]) =>
            Object.entries(counts).map(([name, rows]) => ({ table: `${schema}.${name}`, rows: String(rows) })),
          )
          if (tables.length === 0) return
          io.out.print('')
          for (const line of table(tables)) io.out.print(line)
        },
      },
    ]
  },
})
