import { buildOptions } from '../docker/build.ts'
import { onlyOption, servicesByName, upSteps } from '../docker/up.ts'
import { AquaError } from '../scripts/error.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'Build what changed, start the stack and wait until it is healthy',
  group: 'Start here',
  effect: 'write',
  positionals: { stage: { type: 'string', choices: stages, describe: 'which environment', default: 'dev' } },
  options: {
    only: onlyOption('these services and what they need'),
    build: { type: 'boolean', default: true, describe: 'use the jars and images as they are (dev)' },
    ...buildOptions,
    timeout: {
      type: 'number',
      default: 300,
      placeholder: '<seconds>',
      describe: 'how long to wait until all is healthy',
    },
  },
  aliases: { 'up-dev': ['dev'], 'up-stage': ['stage'], 'up-prod': ['prod'] },
  examples: ['aqua up-dev', 'aqua up dev --only user --only event', 'aqua up-dev --why', 'aqua up-stage --timeout 600'],
  notes: [
    'Jars and images are rebuilt when the content of their inputs changed, and only then.',
    'A failing service is named with its last probe, its last log lines and a hint; exit 4.',
  ],
  check(args) {
    if (!(args.timeout > 0))
      throw new AquaError('USAGE', '--timeout takes a number of seconds above 0', {
        exit: 'usage',
        hint: '--timeout 300',
      })
  },
  plan: (args, ctx) =>
    upSteps(ctx, {
      stage: args.stage,
      only: servicesByName(args.only),
      build: args.build,
      force: args.force,
      why: args.why,
      timeout: args.timeout,
      images: args.images,
    }),
})
