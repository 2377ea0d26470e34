import { keyHolders, withS3 } from '../docker/objects/connect.ts'
import { objectName } from '../docker/objects/copy.ts'
import { loadStack } from '../docker/stack.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'List buckets, or what is in one',
  group: 'Data',
  effect: 'read',
  positionals: { where: { type: 'string', placeholder: '<bucket/prefix>', describe: 'where (default: all buckets)' } },
  options: {
    recursive: { type: 'boolean', alias: 'r', describe: 'every object below, not folder by folder' },
    as: { type: 'string', choices: keyHolders, default: 'root', describe: 'whose key to use' },
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
  },
  examples: ['aqua s3 ls', 'aqua s3 ls aquastream-media/files/', 'aqua s3 ls aquastream-payment --as payment -r'],
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, args.stage)
    const place = args.where === undefined ? undefined : objectName(args.where)
    const what = place ? `list ${place.Bucket}` : 'list the buckets'
    return [
      {
        title: 's3 ls',
        effect: 'read',
        would: [`${what} with the key of ${args.as}`],
        act: (io) =>
          withS3(ctx, io, stack, args.as, what, async ({ client }) => {
            const { ListBucketsCommand, paginateListObjectsV2 } = await import('@aws-sdk/client-s3')
            if (!place) {
              const { Buckets = [] } = await client.send(new ListBucketsCommand({}))
              const names = Buckets.map(({ Name = '' }) => Name)
              for (const name of names) io.out.print(name)
              io.result({ buckets: names })
              return
            }
            const entries: { key: string; bytes: number; at: string }[] = []
            const list = { Bucket: place.Bucket, Prefix: place.Key, ...(args.recursive ? {} : { Delimiter: '/' }) }
            for await (const page of paginateListObjectsV2({ client }, list)) {
              for (const { Prefix = '' } of page.CommonPrefixes ?? []) io.out.print(`${' '.repeat(38)}${Prefix}`)
              for (const { Key: key = '', Size: bytes = 0, LastModified } of page.Contents ?? []) {
                const at = LastModified?.toISOString().slice(0, 19) ?? ''
                io.out.print(`${at}Z ${String(bytes).padStart(16)} ${key}`)
                if (ctx.json) entries.push({ key, bytes, at: `${at}Z` })
              }
            }
            io.result({ bucket: place.Bucket, objects: entries })
          }),
      },
    ]
  },
})
