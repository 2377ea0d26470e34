import { historyOf } from '../backup/report.ts'
import { containerState } from '../backup/schedule/container.ts'
import { next, parseCron } from '../backup/schedule/cron.ts'
import { jobName } from '../backup/schedule/job.ts'
import { installed } from '../backup/schedule/schedule.ts'
import { loadStack } from '../docker/stack.ts'
import { plain } from '../env/load.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'Show when the next backup is due and how the last one ended',
  group: 'Backup',
  effect: 'read',
  options: { stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' } },
  examples: ['aqua schedule show', 'aqua schedule show --stage prod --json'],
  async plan(args, ctx) {
    const { stack, loaded } = await loadStack(ctx, args.stage, { fileOptional: true })
    const name = jobName(stack.project)
    return [
      {
        title: `backups of ${stack.project}`,
        effect: 'read',
        async act(io) {
          const job = await installed(io, ctx, name)
          const last = (await historyOf(ctx, args.stage))?.runs.backup
          const container = await containerState(io, stack)
          io.result({ name, installed: job !== undefined, ...job, container: container ?? null, lastRun: last ?? null })
          const say = (what: string, text: string) => io.out.print(`${what.padEnd(9)} ${text}`)
          if (job) {
            say('where', `${name}, in ${job.where}`)
            say('next', job.next)
            if (job.last) say('scheduler', job.last)
            say('log', job.log)
          } else if (container === undefined)
            io.out.note(`no backup of ${stack.project} is scheduled here; aqua schedule install does it`)
          if (container !== undefined) {
            const due = next(parseCron(plain(loaded, 'BACKUP_CRON') ?? ''), ctx.now(), 'utc')
            say('container', `${container}, next ${due?.toISOString()}; aqua logs backup tells the rest`)
          }
          if (last)
            say('last run', `${last.ok ? 'succeeded' : 'failed'}, ${last.at}, after ${Math.round(last.seconds)} s`)
        },
      },
    ]
  },
})
