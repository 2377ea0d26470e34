import { compose } from '../docker/engine.ts'
import { loadStack } from '../docker/stack.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: "Open psql on the stack's database as its owner",
  group: 'Data',
  effect: 'read',
  positionals: { args: { type: 'string', array: true, describe: 'handed to psql; put -- before its options' } },
  options: { stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' } },
  examples: ['aqua psql', 'aqua psql -- -c \'select count(*) from "user".users\'', 'aqua psql < query.sql'],
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, args.stage)
    // Over the container's own socket: no password travels. The script is fixed; words arrive as its arguments.
    const script = 'exec psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" "$@"'
    const terminal = process.stdin.isTTY ? [] : ['-T']
    return [
      {
        title: 'psql',
        effect: 'read',
        interactive: true,
        argv: compose(stack, 'exec', ...terminal, 'postgres', 'sh', '-c', script, 'psql', ...args.args),
        env: stack.env,
      },
    ]
  },
})
