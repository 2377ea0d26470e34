import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { releaseOf } from '../docker/tags.ts'
import { AquaError } from '../scripts/error.ts'
import type { Io } from '../scripts/step.ts'
import { task } from '../scripts/task.ts'

export default task({
  summary: 'Release a tag on GitHub, with notes and the SBOMs of its images',
  group: 'CI',
  effect: 'write',
  positionals: { tag: { type: 'string', required: true, describe: 'vX.Y.Z, pushed, its images published' } },
  options: {
    run: { type: 'string', describe: "the run of ci-images that made the SBOMs; default: the tag's newest good one" },
  },
  examples: ['aqua release v1.2.3', 'aqua release v1.2.3 --dry-run'],
  notes: ['Uses the GitHub CLI, gh. Doing it again replaces the files and leaves the notes as they are.'],
  async plan({ tag, run: asked }, ctx) {
    const release = releaseOf(tag)
    if (!release)
      throw new AquaError('TAG_NAME', `${tag} is no release`, { exit: 'usage', hint: 'vX.Y.Z or vX.Y.Z-rc.1' })
    const run = asked ?? (await newestRun(tag, (argv) => ctx.probe(argv)))
    const exists = (await ctx.probe(['gh', 'release', 'view', tag, '--json', 'id'])).code === 0
    const kind = release.prerelease ? ['--prerelease', '--latest=false'] : []
    const publish = (files: readonly string[]) =>
      exists
        ? ['gh', 'release', 'upload', tag, '--clobber', ...files]
        : ['gh', 'release', 'create', tag, '--verify-tag', '--generate-notes', '--title', tag, ...kind, ...files]
    const download = (folder: string) => ['gh', 'run', 'download', run, '--pattern', 'sbom-*', '--dir', folder]
    let folder: string | undefined
    const clear = async () => {
      if (folder) await fs.rm(folder, { recursive: true, force: true })
    }
    return [
      {
        title: `release ${tag}`,
        effect: 'write',
        would: [download('<folder>').join(' '), publish(['<folder>/*.json']).join(' ')],
        onInterrupt: clear,
        async act(io) {
          folder = await fs.mkdtemp(path.join(os.tmpdir(), 'aqua-release-'))
          try {
            await io.run(download(folder))
            const files = await sboms(folder)
            await io.run(publish(files))
            io.result({ tag, run, prerelease: release.prerelease, files: files.map((file) => path.basename(file)) })
            io.done(`${tag}: ${exists ? 'files replaced' : 'released'}, ${files.length} SBOMs`)
          } finally {
            await clear()
          }
        },
      },
    ]
  },
})

async function newestRun(tag: string, probe: (argv: string[]) => ReturnType<Io['probe']>): Promise<string> {
  const wanted = ['--workflow', 'ci-images.yml', '--branch', tag, '--event', 'push', '--limit', '1']
  const found = await probe(['gh', 'run', 'list', ...wanted, '--json', 'databaseId', '--jq', '.[].databaseId'])
  const id = found.stdout.trim()
  if (found.code === 0 && /^\d+$/.test(id)) return id
  throw new AquaError('NO_RUN', `no run of ci-images is known for ${tag}`, {
    exit: 'missing',
    hint: found.code === 127 ? 'install the GitHub CLI, gh' : 'push the tag and wait for ci-images, or name a --run',
    details: found.stderr.trim().split('\n').filter(Boolean),
  })
}

/** One folder per artifact, one artifact per service. A release without them would look complete and not be. */
async function sboms(folder: string): Promise<string[]> {
  const entries = await fs.readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
  if (files.length === 0)
    throw new AquaError('NO_SBOM', 'the run has no SBOM', { hint: 'look at its artifacts: they expire' })
  return files.map((file) => path.join(file.parentPath, file.name)).sort()
}
