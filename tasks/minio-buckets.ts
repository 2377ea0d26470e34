import { withS3 } from '../docker/objects/connect.ts'
import { survey } from '../docker/objects/survey.ts'
import { loadStack } from '../docker/stack.ts'
import { table } from '../scripts/table.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'List the buckets with their objects, bytes, versioning and policy',
  group: 'Data',
  effect: 'read',
  positionals: { stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' } },
  examples: ['aqua minio-buckets', 'aqua minio-buckets prod --json'],
  notes: ['Current objects are counted one by one; old versions are not among them.'],
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, args.stage)
    return [
      {
        title: 'buckets',
        effect: 'read',
        would: ['list every bucket and its objects with the key in MINIO_ROOT_USER'],
        async act(io) {
          const rows = await withS3(ctx, io, stack, 'root', 'list the buckets', ({ client }) =>
            survey(client, (name) => io.progress(name)),
          )
          const shown = rows.map((row) => ({ ...row, objects: String(row.objects), bytes: String(row.bytes) }))
          for (const line of table(shown, ['bucket', 'objects', 'bytes', 'versioning', 'policy'])) io.out.print(line)
          io.result({ buckets: rows })
        },
      },
    ]
  },
})
