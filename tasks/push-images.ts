import path from 'node:path'
import { text } from 'node:stream/consumers'
import { namesFor } from '../docker/bake.ts'
import { imageMissing, push, registryOf } from '../docker/push.ts'
import { services } from '../docker/services.ts'
import { loadStack } from '../docker/stack.ts'
import { writeFileWhole } from '../docker/state.ts'
import { onlyOption, servicesByName } from '../docker/up.ts'
import { AquaError } from '../scripts/error.ts'
import { Secret } from '../scripts/secret.ts'
import type { Step } from '../scripts/step.ts'
import { table } from '../scripts/table.ts'
import { task } from '../scripts/task.ts'

const digestsFile = path.join('reports', 'images', 'digests.json')

export default task({
  summary: 'Push the images of the services to their registry and write down the digests',
  group: 'Build',
  effect: 'write',
  options: {
    only: onlyOption('these services'),
    tag: { type: 'string', array: true, placeholder: '<tag>', describe: 'give the images these tags and push those' },
    username: { type: 'string', placeholder: '<name>', describe: 'log in to the registry first' },
    passwordStdin: { type: 'boolean', describe: 'with --username: the password comes on standard input' },
    attempts: { type: 'number', default: 4, placeholder: '<n>', describe: 'how often, when the registry is busy' },
  },
  examples: [
    'IMAGE_PREFIX=ghcr.io/acme/ aqua push-images',
    'aqua push-images --tag v1.4.0 --tag latest',
    'echo "$TOKEN" | aqua push-images --username ci --password-stdin',
  ],
  notes: [`The digests are written to ${digestsFile}, as a list of name and digest.`],
  check({ username, passwordStdin, attempts }) {
    if ((username !== undefined) !== passwordStdin)
      throw new AquaError('USAGE', '--username and --password-stdin go together', {
        exit: 'usage',
        hint: 'or log in yourself: docker login',
      })
    if (!Number.isInteger(attempts) || attempts < 1)
      throw new AquaError('USAGE', '--attempts is a whole number from 1', { exit: 'usage' })
  },
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, 'dev', { fileOptional: true })
    const only = servicesByName(args.only)
    const wanted = (only.length > 0 ? only : services).flatMap((service) => {
      const [own = ''] = namesFor(stack.env, service, [])
      return namesFor(stack.env, service, args.tag).map((name) => ({ own, name }))
    })
    const registry = registryOf(wanted[0]?.name ?? '')
    if (registry === undefined)
      throw new AquaError('NO_REGISTRY', `"${stack.env.IMAGE_PREFIX ?? ''}" names no registry to push to`, {
        exit: 'usage',
        hint: 'IMAGE_PREFIX=ghcr.io/OWNER/ aqua push-images',
      })
    const { docker } = stack
    const login: Step[] = args.passwordStdin
      ? [
          {
            title: `log in to ${registry}`,
            effect: 'write',
            would: [`${docker} login ${registry} --username ${args.username} --password-stdin`],
            async act(io) {
              const password = new Secret((await text(process.stdin)).trim())
              await io.run([docker, 'login', registry, '--username', args.username ?? '', '--password-stdin'], {
                input: password,
              })
            },
          },
        ]
      : []
    const pushAll: Step = {
      title: `push to ${registry}`,
      effect: 'write',
      would: wanted.flatMap(({ own, name }) => [
        ...(own === name ? [] : [`${docker} tag ${own} ${name}`]),
        `${docker} push ${name}`,
      ]),
      async act(io) {
        const pushed: { name: string; digest: string }[] = []
        for (const { own, name } of wanted) {
          if (own !== name) await io.run([docker, 'tag', own, name], { explain: (result) => imageMissing(own, result) })
          const digest = await push(io, name, { docker, attempts: args.attempts, pauseMs: 2000 })
          pushed.push({ name, digest })
          // After each: should a later one fail, what is in the registry is on record.
          await writeFileWhole(path.join(ctx.root, digestsFile), `${JSON.stringify(pushed, undefined, 2)}\n`)
        }
        io.done(`push to ${registry}: ${pushed.length} names`)
        for (const line of table(pushed)) io.out.print(line)
        io.result({ pushed, file: digestsFile })
      },
    }
    return [...login, pushAll]
  },
})
