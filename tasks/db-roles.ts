import { lockStep } from '../docker/lock.ts'
import { rolesStep } from '../docker/roles.ts'
import { loadStack } from '../docker/stack.ts'
import { refuseBadEnv } from '../env/check.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: "Bring each service's database role, schema, rights and password in line with the catalogue",
  group: 'Data',
  effect: 'write',
  positionals: { stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' } },
  examples: ['aqua db roles', 'aqua db roles prod'],
  notes: [
    'It prints every statement that was needed, and none when all is as it should be. aqua up does the same at each start.',
    'Tables that another role made, such as those of a restored dump, go to the role of their schema.',
    'A role that the catalogue no longer has is named and left alone.',
  ],
  async plan(args, ctx) {
    const { stack, loaded } = await loadStack(ctx, args.stage)
    refuseBadEnv(loaded)
    return [lockStep(ctx, stack.project, `db roles ${args.stage}`), rolesStep(stack)]
  },
})
