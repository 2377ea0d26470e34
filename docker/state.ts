import fs from 'node:fs/promises'
import path from 'node:path'
import type { Context } from '../scripts/context.ts'
import { hasCode } from '../scripts/error.ts'

/**
 * Small JSON files under `.aqua/`: what was built from what. Losing them costs a rebuild, nothing else; one that cannot be
 * read counts as absent.
 */
export async function readState<T>(ctx: Pick<Context, 'stateDir'>, name: string): Promise<T | undefined> {
  try {
    return JSON.parse(await fs.readFile(path.join(ctx.stateDir, `${name}.json`), 'utf8')) as T
  } catch (error) {
    if (hasCode(error, 'ENOENT') || error instanceof SyntaxError) return undefined
    throw error
  }
}

export async function writeState(ctx: Pick<Context, 'stateDir'>, name: string, value: unknown): Promise<void> {
  await writeFileWhole(path.join(ctx.stateDir, `${name}.json`), `${JSON.stringify(value, null, 1)}\n`)
}

/** Under its final name only when whole. Readable by its owner alone. */
export async function writeFileWhole(file: string, text: string): Promise<void> {
  await fs.mkdir(path.dirname(file), { recursive: true })
  const temporary = `${file}.${process.pid}`
  await fs.writeFile(temporary, text, { mode: 0o600 })
  await fs.rename(temporary, file)
}
