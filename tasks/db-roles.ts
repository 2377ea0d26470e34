import { lockStep } from '../docker/lock.ts'
import { rolesStep, superuserStep } from '../docker/roles.ts'
import { loadStack } from '../docker/stack.ts'
import { refuseBadEnv } from '../env/check.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: "Bring each service's database role, schema, rights and password in line with the catalogue",
  group: 'Data',
  effect: 'write',
  positionals: { stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' } },
  options: {
    superuser: {
      type: 'boolean',
      describe: "first give POSTGRES_USER the env file's password, whatever it was before",
    },
  },
  examples: ['aqua db roles', 'aqua db roles prod', 'aqua db roles --superuser'],
  notes: [
    'It prints every statement that was needed, and none when all is as it should be. aqua up does the same at each start.',
    'Tables that another role made, such as those of a restored dump, go to the role of their schema.',
    'A role that the catalogue no longer has is named and left alone.',
    '--dry-run prints them too when the database runs: it executes them in a transaction and rolls that back.',
    '--superuser is for a volume that has outlived its env file. Data is not touched.',
  ],
  async plan(args, ctx) {
    const { stack, loaded } = await loadStack(ctx, args.stage)
    refuseBadEnv(loaded)
    return [
      lockStep(ctx, stack.project, `db roles ${args.stage}`),
      ...(args.superuser ? [superuserStep(stack)] : []),
      // Without the operators' password there is nothing to look with.
      await rolesStep(ctx, stack, ctx.dryRun && !args.superuser),
    ]
  },
})
