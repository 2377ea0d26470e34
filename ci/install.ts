import fs from 'node:fs/promises'
import path from 'node:path'

/** Where things lie in a repository, relative to its root. */
export interface Layout {
  /** This project. */
  project: string
  /** The backend's sources. */
  backend: string
}

/** This project alone: what `.github/` says as it is committed. */
export const alone: Layout = { project: '.', backend: 'example' }

/** This project in a folder of the backend's repository. GitHub reads workflows from the root's `.github/` only. */
export function inside(project: string): Layout {
  return { project, backend: '.' }
}

const marked = /^(\s*[\w-]+: )(\.|example)( # set by aqua ci-install)$/gm

/** A workflow or action for another layout. Only the lines change that say they are set here. */
export function relocate(text: string, layout: Layout): string {
  return text.replace(marked, (_, key: string, value: string, mark: string) => {
    const moved = value === alone.backend ? layout.backend : layout.project
    return `${key}${moved}${mark}`
  })
}

export interface Installed {
  /** Relative to the repository's root, with forward slashes. */
  file: string
  text: string
}

/** Every file of `.github/` as the repository around this project needs it. `project` is this project's folder in there. */
export async function githubFiles(root: string, project: string): Promise<Installed[]> {
  const layout = inside(project)
  const entries = await fs.readdir(path.join(root, '.github'), { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'))
    .filter((file) => !file.includes('/node_modules/'))
    .sort()
  return Promise.all(
    files.map(async (file) => {
      // The backend's repository has manifests that this project has not, and the other way round.
      const source = file === '.github/dependabot.yml' ? 'ci/backend/dependabot.yml' : file
      const text = await fs.readFile(path.join(root, source), 'utf8')
      const notice = `# Written by aqua ci-install from ${project}/${source}: change it there.\n`
      return { file, text: /\.ya?ml$/.test(file) ? notice + relocate(text, layout) : text }
    }),
  )
}

/** Those that are missing in the repository or say something else. */
export async function outdated(repository: string, files: readonly Installed[]): Promise<Installed[]> {
  const same = await Promise.all(
    files.map(async ({ file, text }) => {
      const present = await fs.readFile(path.join(repository, file), 'utf8').catch(() => undefined)
      return present === text
    }),
  )
  return files.filter((_, i) => !same[i])
}
