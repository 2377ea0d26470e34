import { nothingToLose, safetySet } from '../backup/safety.ts'
import { compose, type Stack } from '../docker/engine.ts'
import { lockStep } from '../docker/lock.ts'
import { loadStack, placeholders } from '../docker/stack.ts'
import type { Loaded } from '../env/load.ts'
import type { Context } from '../scripts/context.ts'
import { AquaError, isAquaError } from '../scripts/error.ts'
import type { ActStep } from '../scripts/step.ts'
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
      ...(args.volumes && args.safety ? [safetyStep(ctx, stack, loaded)] : []),
      {
        title: args.volumes ? `remove ${stack.project} with its data` : `remove ${stack.project}, keep its data`,
        effect: args.volumes ? 'destroy' : 'write',
        argv: compose(filled, 'down', '--remove-orphans', ...(args.volumes ? ['--volumes'] : [])),
        env: filled.env,
      },
    ]
  },
})

/** DATABASE_URL and the like are left aside: it is this stack's own data that goes. */
function safetyStep(ctx: Context, stack: Stack, loaded: Loaded): ActStep {
  return {
    title: 'safety set',
    effect: 'write',
    would: [`back up database and buckets of ${stack.project} to the local store`],
    async act(io) {
      const looked = await Promise.all(
        ['postgres-data', 'minio-data'].map((name) =>
          io.probe([stack.docker, 'volume', 'inspect', `${stack.project}_${name}`]),
        ),
      )
      if (looked.every(({ code }) => code !== 0)) return io.done('no safety set: there is no data volume')
      try {
        const own = { ...ctx, env: { ...ctx.env, DATABASE_URL: undefined, PGHOST: undefined, PGSERVICE: undefined } }
        const { id, where } = await safetySet(io, own, stack, loaded, 'down --volumes', { buckets: true })
        io.result({ safety: { set: id, where } })
      } catch (error) {
        if (nothingToLose(error)) return io.done('no safety set: the database holds nothing')
        if (!isAquaError(error) || io.signal.aborted) throw error
        throw new AquaError('NO_SAFETY_SET', `no safety set, so nothing is deleted: ${error.message}`, {
          exit: 'refused',
          details: error.details,
          hint: `${error.hint ? `${error.hint}; ` : ''}--no-safety deletes without one`,
          cause: error,
        })
      }
    },
  }
}
