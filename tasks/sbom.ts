import { sbomSteps } from '../docker/scan/sbom.ts'
import { targetOptions } from '../docker/scan/targets.ts'
import { servicesByName } from '../docker/up.ts'
import { AquaError } from '../scripts/error.ts'
import { task } from '../scripts/task.ts'

export default task({
  summary: 'Write a bill of materials of each image, as SPDX and as CycloneDX',
  group: 'Build',
  effect: 'write',
  options: targetOptions,
  examples: ['aqua sbom', 'aqua sbom --only gateway', 'aqua sbom --stage prod --all'],
  notes: [
    'Syft from PATH, else in a container that has no network. The files are in reports/sbom, under their names only when',
    'they were checked: those of a service must name Spring Boot and the Java runtime.',
  ],
  check(args) {
    if (args.image.length > 0 && (args.only.length > 0 || args.all))
      throw new AquaError('USAGE', '--image stands alone: it does not go with --only or --all', {
        exit: 'usage',
        hint: 'aqua sbom --image <name>',
      })
  },
  plan: ({ stage, image, all, only }, ctx) => sbomSteps(ctx, { stage, image, all, only: servicesByName(only) }),
})
