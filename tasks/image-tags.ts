import { imagePrefix, imageTags } from '../docker/tags.ts'
import { AquaError } from '../scripts/error.ts'
import { task } from '../scripts/task.ts'

export default task({
  summary: 'Print the tags that the images of this commit get',
  group: 'CI',
  effect: 'read',
  options: {
    event: {
      type: 'string',
      describe: "what happened, in GitHub's words; default: GITHUB_EVENT_NAME, else a manual run",
    },
    ref: { type: 'string', describe: 'refs/heads/… or refs/tags/…; default: GITHUB_REF' },
    sha: { type: 'string', describe: 'the commit; default: GITHUB_SHA, else HEAD' },
    registry: { type: 'string', default: 'ghcr.io', describe: 'where the images go' },
  },
  examples: [
    'aqua image-tags',
    'aqua image-tags --event push --ref refs/tags/v1.2.3',
    'aqua image-tags >> "$GITHUB_OUTPUT"',
  ],
  notes: [
    'One name=value per line: tags (with commas between), tag (the one of the commit), version on a release, push, and prefix where GITHUB_REPOSITORY is set.',
  ],
  async plan(args, ctx) {
    const { env } = ctx
    const head = await ctx.probe(['git', 'rev-parse', 'HEAD'], { cwd: ctx.root })
    const sha = args.sha ?? env.GITHUB_SHA ?? (head.code === 0 ? head.stdout.trim() : '')
    if (!/^[0-9a-f]{40,64}$/.test(sha))
      throw new AquaError('COMMIT', sha ? `${sha} is no full commit` : 'there is no commit here', {
        exit: 'usage',
        hint: 'aqua image-tags --sha "$(git rev-parse HEAD)"',
      })
    const event = args.event ?? env.GITHUB_EVENT_NAME ?? 'workflow_dispatch'
    const { tags, tag, version, push } = imageTags({ event, ref: args.ref ?? env.GITHUB_REF ?? '', sha })
    const prefix = env.GITHUB_REPOSITORY ? imagePrefix(args.registry, env.GITHUB_REPOSITORY) : undefined
    return [
      {
        title: 'tags',
        effect: 'read',
        async act(io) {
          io.result({ tags, tag, version: version ?? null, push, prefix: prefix ?? null })
          io.out.print(`tags=${tags.join(',')}`)
          io.out.print(`tag=${tag}`)
          if (version) io.out.print(`version=${version}`)
          io.out.print(`push=${push}`)
          if (prefix) io.out.print(`prefix=${prefix}`)
        },
      },
    ]
  },
})
