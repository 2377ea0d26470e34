import { type ExecFileSyncOptions, execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** Linters at exact versions, installed once per machine by the clients of their registries. */
export interface Tool {
  program: string
  /** Why it is not to be had here; undefined when it is. */
  missing: string | undefined
}

const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(os.homedir(), '.cache'), 'aqua-tests')

function provide(name: string, program: string, install: (folder: string) => void): Tool {
  const folder = path.join(cache, name)
  const file = path.join(folder, program)
  if (fs.existsSync(file)) return { program: file, missing: undefined }
  fs.mkdirSync(cache, { recursive: true })
  try {
    // A virtual environment knows its own path, hence no renaming: two that install at once write the same files.
    install(folder)
    return { program: file, missing: undefined }
  } catch (error) {
    fs.rmSync(folder, { recursive: true, force: true })
    const said = error instanceof Error ? error.message.split('\n').slice(0, 2).join(' ') : String(error)
    return { program: file, missing: `${name} could not be installed: ${said}` }
  }
}

const quiet: ExecFileSyncOptions = { stdio: ['ignore', 'pipe', 'pipe'], timeout: 90_000 }

export function actionlint(): Tool {
  const version = 'v1.7.12'
  return provide(`actionlint-${version}`, 'actionlint', (folder) => {
    execFileSync('go', ['install', `github.com/rhysd/actionlint/cmd/actionlint@${version}`], {
      ...quiet,
      env: { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod' },
    })
  })
}

export function zizmor(): Tool {
  const version = '1.32.0'
  return provide(`zizmor-${version}`, path.join('bin', 'zizmor'), (folder) => {
    execFileSync('python3', ['-m', 'venv', folder], quiet)
    execFileSync(path.join(folder, 'bin', 'pip'), ['install', '--quiet', `zizmor==${version}`], quiet)
  })
}

export function ran(program: string, argv: readonly string[], cwd: string): { code: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(program, argv, { cwd, encoding: 'utf8' })
  return { code: status, said: `${stdout}${stderr}` }
}
