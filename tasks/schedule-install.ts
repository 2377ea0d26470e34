import { containerSteps } from '../backup/schedule/container.ts'
import { daily, parseCron } from '../backup/schedule/cron.ts'
import { jobOf } from '../backup/schedule/job.ts'
import { install, installs, schedulerOf } from '../backup/schedule/schedule.ts'
import { loadStack } from '../docker/stack.ts'
import { AquaError } from '../scripts/error.ts'
import { parseArgs } from '../scripts/parse.ts'
import { stages, type TaskSpec, task } from '../scripts/task.ts'

const usage = (message: string, hint: string) => new AquaError('USAGE', message, { exit: 'usage', hint })

export default task({
  summary: 'Take a backup every night, by systemd, cron or a container',
  group: 'Backup',
  effect: 'write',
  positionals: { options: { type: 'string', array: true, describe: 'of aqua backup; put -- before them' } },
  options: {
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
    at: { type: 'string', placeholder: '<hh:mm>', describe: "every day at this time of this machine's clock (02:17)" },
    cron: { type: 'string', placeholder: '<expression>', describe: 'five fields, in place of --at' },
    by: { type: 'string', choices: ['systemd', 'crontab'], describe: 'systemd where it runs, else crontab' },
    container: { type: 'boolean', describe: 'a container does it, by BACKUP_CRON and BACKUP_OPTIONS' },
  },
  examples: [
    'aqua schedule install --stage prod -- --encrypt --to both',
    "aqua schedule install --cron '17 2,14 * * *'",
    'aqua schedule install --container',
  ],
  notes: [
    "As root it is the machine's systemd, else your own, which runs while you are logged in unless you linger.",
    'Passwords and keys stay in the env file; nothing secret is written into a unit or a crontab.',
  ],
  async check(args, ctx) {
    if (args.at && args.cron) throw usage('--at and --cron are two ways to say the same', 'keep one')
    if (args.container && (args.at || args.cron || args.by || args.options.length > 0))
      throw usage('the container goes by the env file', `set BACKUP_CRON and BACKUP_OPTIONS in env/.env.${args.stage}`)
    if (args.options.some((word) => /^--stage(=|$)/.test(word)))
      throw usage('--stage is an option of the schedule', 'put it before the --')
    parseCron(args.cron ?? daily(args.at ?? '02:17'))
    // A misspelt option is refused now, not every night.
    const { default: backup } = await import('./backup.ts')
    const spec = backup as unknown as TaskSpec
    await spec.check?.(parseArgs('backup', spec, args.options), ctx)
  },
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, args.stage, { fileOptional: true })
    if (args.container) return containerSteps(stack)
    const cron = parseCron(args.cron ?? daily(args.at ?? '02:17'))
    const job = jobOf(ctx, args.stage, stack.project, cron, args.options)
    const scheduler = await schedulerOf(ctx, args.by)
    const where = scheduler.by === 'systemd' ? scheduler.scope.folder : 'the crontab'
    return [
      {
        title: `backups of ${stack.project} in ${where}`,
        effect: 'write',
        would: installs(job, scheduler),
        async act(io) {
          await install(io, ctx, job, scheduler)
          io.result({ name: job.name, by: scheduler.by, where, cron: cron.text, command: job.argv })
          if (scheduler.by === 'systemd' && scheduler.scope.user)
            io.out.note('it runs while you are logged in; loginctl enable-linger makes it run always')
          io.out.note('aqua schedule show tells when it runs next')
        },
      },
    ]
  },
})
