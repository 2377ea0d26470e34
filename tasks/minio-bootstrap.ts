import { lockStep } from '../docker/lock.ts'
import { bootstrapStep } from '../docker/objects/bootstrap.ts'
import { loadStack } from '../docker/stack.ts'
import { refuseBadEnv } from '../env/check.ts'
import { AquaError } from '../scripts/error.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: "Bring buckets, their policies and the services' S3 keys in line with the catalogue",
  group: 'Data',
  effect: 'write',
  positionals: { stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' } },
  options: {
    timeout: { type: 'number', default: 60, placeholder: '<seconds>', describe: 'how long to wait for the server' },
  },
  examples: ['aqua minio-bootstrap', 'aqua minio-bootstrap prod --timeout 120'],
  notes: [
    'It says of each thing whether it was created, changed or unchanged. aqua up does the same at each start.',
    '--dry-run says it too, when the server runs, and changes nothing.',
    'No bucket, object or key is removed; keys and policies that aqua made and nobody needs are named.',
    'With S3_ENDPOINT it works on that server, where keys are yours to make: they are tried.',
  ],
  check(args) {
    if (!(args.timeout > 0))
      throw new AquaError('USAGE', '--timeout takes a number of seconds above 0', {
        exit: 'usage',
        hint: '--timeout 60',
      })
  },
  async plan(args, ctx) {
    const { stack, loaded } = await loadStack(ctx, args.stage)
    refuseBadEnv(loaded)
    return [
      lockStep(ctx, stack.project, `minio-bootstrap ${args.stage}`),
      await bootstrapStep(ctx, stack, Math.ceil(args.timeout)),
    ]
  },
})
