import { languagesOf } from '../ci/languages.ts'
import { serviceNames } from '../docker/services.ts'
import { AquaError } from '../scripts/error.ts'
import { task } from '../scripts/task.ts'

export default task({
  summary: 'Print what CI runs over: the services of the catalogue, the languages of the repository',
  group: 'CI',
  effect: 'read',
  examples: ['aqua ci-matrix', 'aqua ci-matrix >> "$GITHUB_OUTPUT"'],
  notes: ['One name=value per line, each value a JSON array for fromJSON: services, languages.'],
  async plan(_, ctx) {
    const files = await ctx.probe(['git', 'ls-files', '-z', ':/'], { cwd: ctx.root })
    if (files.code !== 0)
      throw new AquaError('NO_REPOSITORY', 'this project lies in no git repository', {
        exit: 'missing',
        hint: 'run it in a clone',
      })
    const languages = languagesOf(files.stdout.split('\0'))
    return [
      {
        title: 'matrix',
        effect: 'read',
        async act(io) {
          io.result({ services: serviceNames, languages })
          io.out.print(`services=${JSON.stringify(serviceNames)}`)
          io.out.print(`languages=${JSON.stringify(languages)}`)
        },
      },
    ]
  },
})
