import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { githubFiles } from '../../ci/install.ts'
import { root, temporary } from '../docker/fixture.ts'

export const git = (cwd: string, ...argv: string[]): string =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...argv], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim()

export interface Clone {
  /** Around everything; goes when the process ends. */
  scratch: string
  repository: string
  /** Before PATH. */
  bin: string
  base: string
  head: string
}

/** The files as they are now, committed or not, as a fresh clone would have them. `nested`: in the backend's repository. */
export async function clone(nested: boolean): Promise<Clone> {
  const { folder: scratch } = temporary()
  const repository = path.join(scratch, 'repository')
  const project = nested ? path.join(repository, 'backend-infra') : repository
  const files = git(root, 'ls-files', '-co', '--exclude-standard').split('\n')
  for (const file of files)
    if (fs.existsSync(path.join(root, file))) fs.cpSync(path.join(root, file), path.join(project, file))
  if (nested) {
    fs.cpSync(path.join(root, 'example'), repository, {
      recursive: true,
      filter: (file) => !/\/build(\/|$)/.test(file),
    })
    for (const name of ['docs', 'mkdocs.yml'])
      fs.cpSync(path.join(root, name), path.join(repository, name), { recursive: true })
    for (const { file, text } of await githubFiles(root, 'backend-infra')) {
      fs.mkdirSync(path.dirname(path.join(repository, file)), { recursive: true })
      fs.writeFileSync(path.join(repository, file), text)
    }
    frontend(path.join(repository, 'frontend'))
    fs.appendFileSync(path.join(repository, '.gitignore'), 'node_modules/\nbuild/\n')
  }
  git(repository, 'init', '-q', '-b', 'main')
  git(repository, 'add', '-A')
  git(repository, 'commit', '-qm', 'chore: begin')
  const base = git(repository, 'rev-parse', 'HEAD')
  git(repository, 'commit', '-qm', 'feat(ci): a change', '--allow-empty')
  const bin = path.join(scratch, 'bin')
  fs.mkdirSync(bin)
  return { scratch, repository, bin, base, head: git(repository, 'rev-parse', 'HEAD') }
}

/** The least that frontend-ci can be run on. */
function frontend(folder: string): void {
  fs.mkdirSync(folder)
  const script = (name: string) => `node -e "require('fs').writeFileSync('${name}.ran','')"`
  const scripts = Object.fromEntries(['lint', 'typecheck', 'build'].map((name) => [name, script(name)]))
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name: 'frontend', private: true, scripts }))
  const lock = ["lockfileVersion: '9.0'", 'settings:', '  autoInstallPeers: true', '  excludeLinksFromLockfile: false']
  fs.writeFileSync(path.join(folder, 'pnpm-lock.yaml'), [...lock, 'importers:', '  .: {}', ''].join('\n'))
}

/** A program that writes its arguments down, one line per call, and answers by a case of bash. */
export function standIn({ bin }: Clone, name: string, cases: string): string {
  const log = path.join(bin, `${name}.log`)
  const text = `#!/usr/bin/env bash\nprintf '%s\\n' "$*" >> '${log}'\ncase "$*" in\n${cases}\nesac\n`
  fs.writeFileSync(path.join(bin, name), text, { mode: 0o755 })
  return log
}
