import { safetyStep } from '../backup/safety.ts'
import { compose, type Stack } from '../docker/engine.ts'
import { lockStep } from '../docker/lock.ts'
import { loadStack, placeholders } from '../docker/stack.ts'
import type { Loaded } from '../env/load.ts'
import type { Context } from '../scripts/context.ts'
import type { Step } from '../scripts/step.ts'
import { stages, task } from '../scripts/task.ts'

const volumes = 'postgres-data, redis-data, minio-data'

export default task({
  summary: 'Stop the stack and remove its containers; data stays',
  group: 'Start here',
  effect: 'write',
  positionals: { stage: { type: 'string', choices: stages, describe: 'which environment', default: 'dev' } },
  options: {
    volumes: { type: 'boolean', describe: 'delete the data volumes too, after a backup of database and buckets' },
    safety: { type: 'boolean', default: true, describe: 'with --volumes: delete without that backup' },
  },
  examples: ['aqua down', 'aqua down stage', 'aqua down --volumes'],
  async destroys(args, ctx) {
    if (!args.volumes) return undefined
    const { stack } = await loadStack(ctx, args.stage, { fileOptional: true })
    return `deletes all data of ${stack.project} (${volumes})${args.safety ? ', after a safety set' : ''}`
  },
  async plan(args, ctx) {
    const { stack, loaded } = await loadStack(ctx, args.stage, { fileOptional: true })
    const filled = placeholders(stack)
    return [
      lockStep(ctx, stack.project, `down ${args.stage}`),
      ...(args.volumes && args.safety ? await safetySteps(ctx, stack, loaded) : []),
      {
        title: args.volumes ? `remove ${stack.project} with its data` : `remove ${stack.project}, keep its data`,
        effect: args.volumes ? 'destroy' : 'write',
        argv: compose(filled, 'down', '--remove-orphans', ...(args.volumes ? ['--volumes'] : [])),
        env: filled.env,
      },
    ]
  },
})

/** Nothing where no volume holds anything. DATABASE_URL and the like are left aside: it is this stack's own data that goes. */
async function safetySteps(ctx: Context, stack: Stack, loaded: Loaded): Promise<Step[]> {
  const looked = await Promise.all(
    ['postgres-data', 'minio-data'].map((name) =>
      ctx.probe([stack.docker, 'volume', 'inspect', `${stack.project}_${name}`]),
    ),
  )
  if (looked.every(({ code }) => code !== 0)) return []
  const own = { ...ctx, env: { ...ctx.env, DATABASE_URL: undefined, PGHOST: undefined, PGSERVICE: undefined } }
  return [
    safetyStep(own, stack, loaded, {
      why: 'before down --volumes',
      buckets: true,
      otherwise: 'nothing is deleted',
      without: '--no-safety deletes without one',
    }),
  ]
}
