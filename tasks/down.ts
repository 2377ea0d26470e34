import { compose } from '../docker/engine.ts'
import { lockStep } from '../docker/lock.ts'
import { loadStack, placeholders } from '../docker/stack.ts'
import { stages, task } from '../scripts/task.ts'

const volumes = 'postgres-data, redis-data, minio-data'

export default task({
  summary: 'Stop the stack and remove its containers; data stays',
  group: 'Start here',
  effect: 'write',
  positionals: { stage: { type: 'string', choices: stages, describe: 'which environment', default: 'dev' } },
  options: { volumes: { type: 'boolean', describe: 'delete the data volumes too' } },
  examples: ['aqua down', 'aqua down stage', 'aqua down --volumes'],
  async destroys(args, ctx) {
    if (!args.volumes) return undefined
    const { stack } = await loadStack(ctx, args.stage, { fileOptional: true })
    return `deletes all data of ${stack.project} (${volumes})`
  },
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, args.stage, { fileOptional: true })
    const filled = placeholders(stack)
    return [
      lockStep(ctx, stack.project, `down ${args.stage}`),
      {
        title: args.volumes ? `remove ${stack.project} with its data` : `remove ${stack.project}, keep its data`,
        effect: args.volumes ? 'destroy' : 'write',
        argv: compose(filled, 'down', '--remove-orphans', ...(args.volumes ? ['--volumes'] : [])),
        env: filled.env,
      },
    ]
  },
})
