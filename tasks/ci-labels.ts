import fs from 'node:fs/promises'
import path from 'node:path'
import { changedLabels, type Label, parseLabels } from '../ci/labels.ts'
import { AquaError } from '../scripts/error.ts'
import { task } from '../scripts/task.ts'

const file = '.github/labels.yml'

export default task({
  summary: "Bring the repository's labels on GitHub in line with .github/labels.yml",
  group: 'CI',
  effect: 'write',
  examples: ['aqua ci-labels --dry-run', 'aqua ci-labels'],
  notes: ['Uses the GitHub CLI, gh, and whom it is logged in as. Labels that the file does not list stay.'],
  async plan(_, ctx) {
    const wanted = parseLabels(await fs.readFile(path.join(ctx.root, file), 'utf8'), file)
    const listed = await ctx.probe(['gh', 'label', 'list', '--limit', '1000', '--json', 'name,color,description'])
    if (listed.code !== 0)
      throw new AquaError('GITHUB', 'the labels on GitHub cannot be read', {
        exit: 'missing',
        hint:
          listed.code === 127 ? 'install the GitHub CLI, gh' : 'gh auth login, and run it in a clone or set GH_REPO',
        details: listed.stderr.trim().split('\n').filter(Boolean),
      })
    const changed = changedLabels(wanted, JSON.parse(listed.stdout) as Label[])
    ctx.note(`labels: ${changed.length} to write, ${wanted.length - changed.length} as they should be`)
    return changed.map(({ name, color, description }) => ({
      title: `label ${name}`,
      effect: 'write',
      // --force: create it, or change the one of that name.
      argv: ['gh', 'label', 'create', name, '--color', color, '--description', description, '--force'],
    }))
  },
})
