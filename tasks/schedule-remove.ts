import { removeContainerStep } from '../backup/schedule/container.ts'
import { jobName } from '../backup/schedule/job.ts'
import { remove } from '../backup/schedule/schedule.ts'
import { loadStack, placeholders } from '../docker/stack.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'No longer take backups on time; those there are stay',
  group: 'Backup',
  effect: 'write',
  options: {
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
    container: { type: 'boolean', describe: 'the container, not the job of this machine' },
  },
  examples: ['aqua schedule remove', 'aqua schedule remove --stage prod --container'],
  notes: ['Only what aqua schedule install wrote is removed.'],
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, args.stage, { fileOptional: true })
    if (args.container) return [removeContainerStep(placeholders(stack))]
    const name = jobName(stack.project)
    return [
      {
        title: `no scheduled backups of ${stack.project}`,
        effect: 'write',
        would: [`remove ${name} from systemd and the crontab, if it is there`],
        async act(io) {
          const places = await remove(io, ctx, name)
          io.result({ name, removed: places })
          io.done(places.length > 0 ? `removed ${name} from ${places.join(' and ')}` : `${name} was not installed`)
        },
      },
    ]
  },
})
