import { compose } from '../docker/engine.ts'
import { services } from '../docker/services.ts'
import { loadStack } from '../docker/stack.ts'
import { stages, task } from '../scripts/task.ts'

const users = services.filter(({ redis }) => redis !== undefined)

export default task({
  summary: "Open redis-cli on the stack's Redis, as operators' user or as a service",
  group: 'Data',
  effect: 'read',
  positionals: { args: { type: 'string', array: true, describe: 'handed to redis-cli; put -- before its options' } },
  options: {
    as: { type: 'string', choices: users.map(({ short }) => short), describe: 'with the rights of this service' },
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
  },
  examples: ['aqua redis', 'aqua redis dbsize', 'aqua redis --as user get user:1', 'aqua redis acl log'],
  notes: [
    'A service that uses a key outside its prefix gets NOPERM; "aqua redis acl log" names the key and the service.',
  ],
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, args.stage)
    const user = users.find(({ short }) => short === args.as)?.redis
    // The container has the passwords already. The script is fixed; words arrive as its arguments.
    const script =
      'user=$1; REDISCLI_AUTH=$(printenv "$2"); export REDISCLI_AUTH; shift 2; exec redis-cli --user "$user" "$@"'
    const terminal = process.stdin.isTTY ? [] : ['-T']
    const words = [user?.name ?? 'default', user?.passwordVariable ?? 'REDIS_PASSWORD', ...args.args]
    return [
      {
        title: 'redis-cli',
        effect: 'read',
        interactive: true,
        argv: compose(stack, 'exec', ...terminal, 'redis', 'sh', '-c', script, 'redis-cli', ...words),
        env: stack.env,
      },
    ]
  },
})
