import { compose } from '../docker/engine.ts'
import { services } from '../docker/services.ts'
import { loadStack } from '../docker/stack.ts'
import { stages, task } from '../scripts/task.ts'

const owners = services.filter(({ role }) => role !== undefined)

export default task({
  summary: "Open psql on the stack's database, as operators' role or as a service",
  group: 'Data',
  effect: 'read',
  positionals: { args: { type: 'string', array: true, describe: 'handed to psql; put -- before its options' } },
  options: {
    as: { type: 'string', choices: owners.map(({ short }) => short), describe: 'with the rights of this service' },
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
  },
  examples: [
    'aqua psql',
    'aqua psql --as payment',
    'aqua psql -- -c \'select count(*) from "user".users\'',
    'aqua psql < query.sql',
  ],
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, args.stage)
    // Over the container's own socket: no password travels. The script is fixed; words arrive as its arguments.
    const script = 'role=$1; shift; exec psql -U "${role:-$POSTGRES_USER}" -d "$POSTGRES_DB" "$@"'
    const role = owners.find(({ short }) => short === args.as)?.role?.name ?? ''
    const terminal = process.stdin.isTTY ? [] : ['-T']
    return [
      {
        title: 'psql',
        effect: 'read',
        interactive: true,
        argv: compose(stack, 'exec', ...terminal, 'postgres', 'sh', '-c', script, 'psql', role, ...args.args),
        env: stack.env,
      },
    ]
  },
})
