import { smokeStep } from '../docker/smoke.ts'
import { loadStack } from '../docker/stack.ts'
import { findWorkspace } from '../docker/workspace.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'Check every service, and one real path through gateway, database, Redis and S3',
  group: 'Start here',
  effect: 'write',
  positionals: { stage: { type: 'string', choices: stages, describe: 'which environment', default: 'dev' } },
  examples: ['aqua smoke', 'aqua smoke stage --json'],
  notes: [
    'The requests come from smoke.json in the workspace, else from the catalogue. They create a few rows and objects.',
  ],
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, args.stage)
    return [smokeStep(ctx, stack, findWorkspace(ctx))]
  },
})
