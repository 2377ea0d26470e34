import { roundTripStep } from '../docker/objects/roundtrip.ts'
import { loadStack } from '../docker/stack.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'Upload to every bucket through a presigned address and compare what comes back',
  group: 'Data',
  effect: 'write',
  positionals: { stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' } },
  examples: ['aqua minio-put-test', 'aqua minio-put-test stage'],
  notes: ["Each bucket with its own service's key. The object is removed again."],
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, args.stage)
    return [roundTripStep(ctx, stack, 'put', 65_536)]
  },
})
