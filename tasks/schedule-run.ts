import { parseCron } from '../backup/schedule/cron.ts'
import { loop } from '../backup/schedule/loop.ts'
import { loadEnv, plain } from '../env/load.ts'
import { parseArgs } from '../scripts/parse.ts'
import { stages, type TaskSpec, task } from '../scripts/task.ts'

export default task({
  summary: 'Stay and take a backup at every moment of BACKUP_CRON; for a container',
  group: 'Backup',
  effect: 'write',
  options: { stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' } },
  examples: ['aqua schedule run --stage prod'],
  notes: [
    'BACKUP_CRON is in UTC; BACKUP_OPTIONS are the options of each aqua backup. On a host, use aqua schedule install.',
  ],
  async plan(args, ctx) {
    const loaded = await loadEnv(ctx, args.stage, { fileOptional: true })
    const cron = parseCron(plain(loaded, 'BACKUP_CRON') ?? '')
    const options = (plain(loaded, 'BACKUP_OPTIONS') ?? '').split(/\s+/).filter((word) => word !== '')
    // A misspelt option ends this at once, not every run.
    const { default: backup } = await import('./backup.ts')
    parseArgs('backup', backup as unknown as TaskSpec, options)
    return [
      {
        title: `backups of ${args.stage} at ${cron.text} UTC`,
        // As a step of its own it only waits; the runs are processes that speak for themselves.
        effect: 'read',
        would: [`aqua backup --stage ${args.stage} ${options.join(' ')}`.trim()],
        act: (io) => loop(io, ctx, args.stage, cron, options),
      },
    ]
  },
})
