import { defaultMode, modes } from '../docker/scan/mode.ts'
import { scanSteps } from '../docker/scan/scan.ts'
import { targetOptions } from '../docker/scan/targets.ts'
import { servicesByName } from '../docker/up.ts'
import { AquaError } from '../scripts/error.ts'
import { task } from '../scripts/task.ts'

export default task({
  summary: 'Look for known vulnerabilities in the images and for mistakes in Dockerfiles and Compose files',
  group: 'Build',
  effect: 'write',
  options: {
    ...targetOptions,
    config: { type: 'boolean', describe: 'Dockerfiles and Compose files only; works offline' },
    mode: {
      type: 'string',
      choices: modes,
      describe:
        'report only, or fail on high and critical findings with a fix; by default enforce in CI on main and tags',
    },
  },
  examples: ['aqua scan', 'aqua scan --only user --mode enforce', 'aqua scan --image nginx:1.30', 'aqua scan --config'],
  notes: [
    'Grype or Trivy from PATH, else Grype in a container. All images are scanned before one of them fails the run (exit 5).',
    'Reports as table, JSON and SARIF are in reports/scan; docker/scan/exceptions.json holds exceptions, each with a reason',
    'and the last day it holds. Without a vulnerability database younger than five days: exit 3.',
  ],
  check(args) {
    if (args.image.length > 0 && (args.only.length > 0 || args.all || args.config))
      throw new AquaError('USAGE', '--image stands alone: it does not go with --only, --all or --config', {
        exit: 'usage',
        hint: 'aqua scan --image <name>',
      })
  },
  plan(args, ctx) {
    const { mode, because } = args.mode ? { mode: args.mode, because: '--mode' } : defaultMode(ctx.env)
    ctx.note(`mode: ${mode} (${because})`)
    const { stage, image, all, config } = args
    return scanSteps(ctx, {
      stage,
      image,
      all,
      mode,
      only: servicesByName(args.only),
      configurationOnly: config,
    })
  },
})
