import fs from 'node:fs'
import path from 'node:path'
import { keyHolders, withS3 } from '../docker/objects/connect.ts'
import { download, type ObjectName, objectName, upload } from '../docker/objects/copy.ts'
import { loadStack } from '../docker/stack.ts'
import { AquaError, hasCode } from '../scripts/error.ts'
import type { Io } from '../scripts/step.ts'
import { stages, task } from '../scripts/task.ts'

const remote = (text: string) => (text.startsWith('s3://') ? objectName(text) : undefined)

/** One side in S3, the other here. */
function sides(from: string, to: string): { source: ObjectName | undefined; target: ObjectName | undefined } {
  const [source, target] = [remote(from), remote(to)]
  if ((source === undefined) === (target === undefined))
    throw new AquaError('USAGE', 'one side has to be s3://bucket/key, the other a file or -', {
      exit: 'usage',
      hint: 'aqua s3 cp photo.jpg s3://aquastream-media/photo.jpg',
    })
  if (source && (source.Key === '' || source.Key.endsWith('/')))
    throw new AquaError('USAGE', `${from} names no object`, { exit: 'usage', hint: 'aqua s3 ls shows what there is' })
  return { source, target }
}

export default task({
  summary: 'Copy a file into a bucket, or an object out of one',
  group: 'Data',
  effect: 'write',
  positionals: {
    from: { type: 'string', required: true, describe: 'a file, - for standard input, or s3://bucket/key' },
    to: { type: 'string', required: true, describe: 's3://bucket/key, a file or folder, or - for standard output' },
  },
  options: {
    as: { type: 'string', choices: keyHolders, default: 'root', describe: 'whose key to use' },
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
  },
  examples: [
    'aqua s3 cp photo.jpg s3://aquastream-media/photo.jpg',
    'aqua s3 cp s3://aquastream-payment/receipts/1.json - --as payment',
    'tar c folder | aqua s3 cp - s3://aquastream-media/folder.tar',
  ],
  notes: ['What arrives is whole or not there: an interrupted copy leaves neither half a file nor half an object.'],
  check(args, ctx) {
    sides(args.from, args.to)
    if (args.to === '-' && ctx.json)
      throw new AquaError('USAGE', 'standard output cannot hold both the object and the envelope', {
        exit: 'usage',
        hint: 'leave out --json, or copy into a file',
      })
  },
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, args.stage)
    const { source, target } = sides(args.from, args.to)
    const here = (file: string) => path.resolve(ctx.cwd, file)
    const title = `${args.from} → ${args.to}`
    return [
      {
        title,
        effect: args.to === '-' ? 'read' : 'write',
        would: [`copy ${title} with the key of ${args.as}`],
        async act(io) {
          const what = source ? `read ${args.from}` : `write ${args.to}`
          const bytes = await withS3(ctx, io, stack, args.as, what, async ({ client }) => {
            if (target) return send(io, client, args.from === '-' ? '-' : here(args.from), target)
            const object = source as ObjectName
            if (args.to === '-') return download(client, object, process.stdout, io.signal)
            const isFolder = fs.statSync(here(args.to), { throwIfNoEntry: false })?.isDirectory()
            const file = isFolder ? path.join(here(args.to), path.posix.basename(object.Key)) : here(args.to)
            return download(client, object, file, io.signal)
          })
          io.result({ from: args.from, to: args.to, bytes })
          io.done(`${title}: ${bytes} bytes`)
        },
      },
    ]
  },
})

async function send(io: Io, client: Parameters<typeof upload>[0], from: string, target: ObjectName): Promise<number> {
  const named = target.Key === '' || target.Key.endsWith('/')
  if (named && from === '-')
    throw new AquaError('USAGE', `s3://${target.Bucket}/${target.Key} needs a name: standard input has none`, {
      exit: 'usage',
    })
  const object = named ? { ...target, Key: `${target.Key}${path.basename(from)}` } : target
  const options = { signal: io.signal, onBytes: (sent: number) => io.progress(`${sent} bytes`) }
  if (from === '-') return upload(client, object, process.stdin, options)
  try {
    const { size } = await fs.promises.stat(from)
    return await upload(client, object, fs.createReadStream(from), { ...options, expected: size })
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'EACCES', 'EISDIR')) throw error
    throw new AquaError('FILE', `${from} cannot be read (${error.code})`, { cause: error })
  }
}
