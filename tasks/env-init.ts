import { envInitStep } from '../env/init.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'Write the variables of a stage with random secrets, or add what is missing',
  group: 'Environment',
  effect: 'write',
  positionals: {
    stage: { type: 'string', required: true, choices: stages, describe: 'whose file' },
  },
  examples: ['aqua env init dev', 'aqua env init prod --dry-run'],
  notes: [
    'The file is env/.env.<stage>, readable by its owner alone. What stands in it is never changed:',
    'an existing file only gets the required variables that it lacks.',
  ],
  async plan({ stage }, ctx) {
    return [await envInitStep(ctx, stage)]
  },
})
