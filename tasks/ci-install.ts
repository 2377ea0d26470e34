import fs from 'node:fs/promises'
import path from 'node:path'
import { githubFiles, outdated } from '../ci/install.ts'
import { AquaError } from '../scripts/error.ts'
import { task } from '../scripts/task.ts'

export default task({
  summary: 'Write the workflows into the repository that this project lies in',
  group: 'CI',
  effect: 'write',
  options: { check: { type: 'boolean', describe: 'write nothing; exit 5 when one is missing or out of date' } },
  examples: ['aqua ci-install', 'aqua ci-install --check'],
  notes: [
    "GitHub reads .github of a repository's root only. Where this project is the root, its workflows work as they are; where",
    'it lies in a folder, such as backend-infra/, this writes them for that place. Other files of .github are left alone.',
  ],
  async plan({ check }, ctx) {
    const top = await ctx.probe(['git', 'rev-parse', '--show-toplevel'], { cwd: ctx.root })
    if (top.code !== 0)
      throw new AquaError('NO_REPOSITORY', 'this project lies in no git repository', {
        exit: 'missing',
        hint: 'run it in a clone',
      })
    const repository = await fs.realpath(top.stdout.trim())
    const project = path.relative(repository, await fs.realpath(ctx.root)).replaceAll(path.sep, '/')
    if (project === '') {
      ctx.note('this project is the root of its repository: its workflows work as they are')
      return []
    }
    const stale = await outdated(repository, await githubFiles(ctx.root, project))
    const names = stale.map(({ file }) => file)
    if (stale.length === 0) {
      ctx.note(`${repository}/.github is up to date`)
      return []
    }
    if (check)
      throw new AquaError('WORKFLOWS_STALE', `${names.length} files of .github are missing or out of date`, {
        exit: 'problems',
        hint: 'aqua ci-install',
        details: names,
      })
    // What git holds can be brought back; what it does not hold would be gone.
    const unsaved = await ctx.probe(['git', 'status', '--porcelain', '--', ...names], { cwd: repository })
    if (unsaved.stdout.trim() !== '')
      throw new AquaError('UNCOMMITTED', 'files that would be written over hold changes that are not committed', {
        exit: 'refused',
        hint: 'commit or stash them',
        details: unsaved.stdout.trimEnd().split('\n'),
      })
    return [
      {
        title: `workflows for ${project}/`,
        effect: 'write',
        would: names.map((name) => `write ${path.join(repository, name)}`),
        async act(io) {
          for (const { file, text } of stale) {
            const target = path.join(repository, file)
            await fs.mkdir(path.dirname(target), { recursive: true })
            await fs.writeFile(target, text)
          }
          io.result({ repository, written: names })
          io.done(`workflows: ${names.length} files written, to be committed`)
        },
      },
    ]
  },
})
