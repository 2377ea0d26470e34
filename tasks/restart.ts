import { compose } from '../docker/engine.ts'
import { waitHealthy } from '../docker/health.ts'
import { containersOf } from '../docker/inspect.ts'
import { lockStep } from '../docker/lock.ts'
import { serviceNames, shortNames } from '../docker/services.ts'
import { loadStack } from '../docker/stack.ts'
import { servicesByName } from '../docker/up.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'Restart services and wait until they are healthy again',
  group: 'Stack',
  effect: 'write',
  positionals: {
    services: {
      type: 'string',
      array: true,
      required: true,
      choices: [...shortNames, ...serviceNames],
      describe: 'which',
    },
  },
  options: {
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
    timeout: { type: 'number', default: 120, placeholder: '<seconds>', describe: 'how long to wait' },
  },
  examples: ['aqua restart user', 'aqua restart event payment --stage stage'],
  notes: ['A change of settings or of the image takes aqua up: a restart keeps the container as it is.'],
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, args.stage)
    const names = servicesByName(args.services).map((service) => service.name)
    return [
      lockStep(ctx, stack.project, `restart ${names.join(' ')}`),
      {
        title: `restart ${names.join(', ')}`,
        effect: 'write',
        argv: compose(stack, 'restart', '--no-deps', ...names),
        env: stack.env,
      },
      {
        title: 'healthy again',
        effect: 'write',
        would: [`wait up to ${args.timeout} s`],
        async act(io) {
          const containers = await containersOf(io, stack.docker, stack.project)
          const restartsBefore = new Map(containers.map((container) => [container.Id, container.RestartCount]))
          await waitHealthy(io, {
            docker: stack.docker,
            project: stack.project,
            wanted: new Set(names),
            timeout: args.timeout,
            restartsBefore,
            creating: () => false,
          })
        },
      },
    ]
  },
})
