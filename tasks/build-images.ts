import { buildOptions, buildSteps } from '../docker/build.ts'
import { dockerProgram } from '../docker/engine.ts'
import { imagesOf } from '../docker/inspect.ts'
import { imageName } from '../docker/serviceimages.ts'
import { serviceNames, services, shortNames } from '../docker/services.ts'
import { loadStack } from '../docker/stack.ts'
import { servicesByName } from '../docker/up.ts'
import { bytes, table } from '../scripts/table.ts'
import { task } from '../scripts/task.ts'

export default task({
  summary: 'Build the jars and images of the services that changed',
  group: 'Build',
  effect: 'write',
  options: {
    only: {
      type: 'string',
      array: true,
      choices: [...shortNames, ...serviceNames],
      placeholder: '<service>',
      describe: 'these services',
    },
    ...buildOptions,
  },
  examples: ['aqua build-images', 'aqua build-images --only user --why'],
  async plan(args, ctx) {
    const only = servicesByName(args.only)
    const { stack } = await loadStack(ctx, 'dev', { images: args.images })
    return [
      ...(await buildSteps(ctx, { ...args, only })),
      {
        title: 'images',
        effect: 'read',
        async act(io) {
          const names = (only.length > 0 ? only : services).map((service) => imageName(stack.env, service))
          const found = await imagesOf(io, dockerProgram(ctx), names)
          const rows = names.map((image) => ({
            image,
            size: bytes(found.get(image)?.Size ?? 0),
            id: found.get(image)?.Id.slice(7, 19) ?? '',
          }))
          for (const line of table(rows)) io.out.print(line)
          io.result({ built: rows })
        },
      },
    ]
  },
})
