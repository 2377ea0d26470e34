import { cacheKinds, namesFor } from '../docker/bake.ts'
import { buildOptions, buildSteps } from '../docker/build.ts'
import { type Image, imagesOf } from '../docker/inspect.ts'
import { growthOf } from '../docker/layers.ts'
import { services } from '../docker/services.ts'
import { loadStack } from '../docker/stack.ts'
import { onlyOption, servicesByName } from '../docker/up.ts'
import { AquaError } from '../scripts/error.ts'
import type { Io, Step } from '../scripts/step.ts'
import { bytes, table } from '../scripts/table.ts'
import { task } from '../scripts/task.ts'

export default task({
  summary: 'Build the jars and images of the services that changed',
  group: 'Build',
  effect: 'write',
  options: {
    only: onlyOption('these services'),
    tag: { type: 'string', array: true, placeholder: '<tag>', describe: "in place of the environment's own tag" },
    version: { type: 'string', placeholder: '<vX.Y.Z>', describe: "release that the images' label names" },
    platform: { type: 'string', placeholder: '<os/arch>', describe: 'e.g. linux/amd64' },
    push: { type: 'boolean', describe: 'send them to the registry that IMAGE_PREFIX names' },
    cache: { type: 'string', choices: cacheKinds, describe: 'keep the build cache there, too' },
    ...buildOptions,
  },
  examples: [
    'aqua build-images',
    'aqua build-images --only user --why',
    'aqua build-images --platform linux/amd64 --tag sha-1a2b3c4 --cache gha --push',
  ],
  check({ tag }) {
    const bad = tag.find((name) => !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(name))
    if (bad !== undefined) throw new AquaError('TAG', `"${bad}" is no image tag`, { exit: 'usage' })
  },
  async plan(args, ctx) {
    const only = servicesByName(args.only)
    const wanted = only.length > 0 ? only : services
    const { stack } = await loadStack(ctx, 'dev', { images: args.images, fileOptional: true })
    const { platform, push, cache, version } = args
    const destination = { tags: args.tag, platform, push, cache, version }
    const name = (service: (typeof services)[number]) => namesFor(stack.env, service, args.tag)[0] ?? ''
    const look = (io: Pick<Io, 'probe'>) => imagesOf(io, stack.docker, wanted.map(name))
    let before = new Map<string, Image>()
    const remember: Step = {
      title: 'images as they are',
      effect: 'read',
      async act(io) {
        before = await look(io)
      },
    }
    const report: Step = {
      title: 'images',
      effect: 'read',
      async act(io) {
        const after = await look(io)
        const rows = []
        for (const service of wanted) {
          const image = name(service)
          const found = after.get(image)
          // Pushed by a builder of its own, an image need not be on this engine.
          if (!found) continue
          const growth = await growthOf(io, stack.docker, image, before.get(image), found)
          rows.push({ image, id: found.Id.slice(7, 19), bytes: found.Size, ...growth })
        }
        for (const line of table(
          rows.map((row) => ({
            image: row.image,
            size: bytes(row.bytes),
            layers: `${row.reused} of ${row.layers} as before`,
            'new (unpacked)': bytes(row.newBytes),
            id: row.id,
          })),
        ))
          io.out.print(line)
        io.result({ built: rows })
      },
    }
    return [remember, ...(await buildSteps(ctx, { ...args, only, destination })), report]
  },
})
