import fs from 'node:fs'
import path from 'node:path'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import { services } from './services.ts'

export interface Workspace {
  /** Absolute. */
  root: string
  /** How it was found, for people. */
  because: string
  example: boolean
}

/** The backend's sources lie where every module folder of the catalogue is. */
function holdsBackend(folder: string): boolean {
  return services.every((service) => fs.existsSync(path.join(folder, service.name)))
}

/** `--workspace` or `AQUA_WORKSPACE`, else the nearest ancestor of this project that holds the backend, else `example/`. */
export function findWorkspace(ctx: Pick<Context, 'root' | 'env' | 'cwd' | 'workspaceOption'>): Workspace {
  const asked = ctx.workspaceOption ?? ctx.env.AQUA_WORKSPACE
  const example = path.join(ctx.root, 'example')
  if (asked) {
    const root = path.resolve(ctx.cwd, asked)
    const because = ctx.workspaceOption ? '--workspace' : 'AQUA_WORKSPACE'
    if (!holdsBackend(root)) {
      const missing = services.find((service) => !fs.existsSync(path.join(root, service.name)))
      throw new AquaError('WORKSPACE', `${because} names ${root}, which has no ${missing?.name}/`, {
        exit: 'usage',
        hint: "name the root of the backend's repository, or leave it out to use the example",
      })
    }
    return { root, because, example: fs.realpathSync(root) === fs.realpathSync(example) }
  }
  for (let folder = path.dirname(ctx.root); folder !== path.dirname(folder); folder = path.dirname(folder))
    if (holdsBackend(folder)) return { root: folder, because: 'the repository around this project', example: false }
  return { root: example, because: 'no backend around this project: the example', example: true }
}

const ignored = new Set(['build', 'target', '.gradle', 'node_modules', '.git', '.idea', 'bin', 'out'])
const rootFiles = /^(pom\.xml|mvnw|gradlew|.*\.gradle(\.kts)?|gradle\.properties)$/
const rootFolders = new Set(['gradle', '.mvn', 'buildSrc'])

/** Every file that a build of the jars may read: the modules `backend-*` and the build's own files. Absolute, sorted. */
export function sourceFiles(workspace: string): string[] {
  const found: string[] = []
  const walk = (folder: string) => {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) {
        if (!ignored.has(entry.name)) walk(path.join(folder, entry.name))
      } else if (entry.isFile()) found.push(path.join(folder, entry.name))
    }
  }
  for (const entry of fs.readdirSync(workspace, { withFileTypes: true })) {
    const file = path.join(workspace, entry.name)
    // This project may itself lie in the workspace, as backend-infra/.
    const module = entry.name.startsWith('backend-') && entry.name !== 'backend-infra'
    if (entry.isDirectory() && (module || rootFolders.has(entry.name))) walk(file)
    else if (entry.isFile() && rootFiles.test(entry.name)) found.push(file)
  }
  return found.sort()
}
