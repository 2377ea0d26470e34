import { cli } from './cli.ts'
import type { AquaError } from './error.ts'
import { Output } from './output.ts'
import { Redactor } from './secret.ts'
import type { Manifest } from './task.ts'

/** Put here by the build. */
declare const __MANIFEST__: Manifest

/** The small half of the bundle: what help, completion and a mistyped name need. Started by aqua.cjs. */
export async function start(
  argv: readonly string[],
  version: string,
  loadRunner: () => Promise<typeof import('./main.ts')>,
): Promise<number> {
  const { stdout, stderr, env } = process
  const out = new Output({
    stdout,
    stderr,
    env,
    live: stderr.isTTY === true,
    json: false,
    quiet: false,
    verbose: false,
    redactor: new Redactor(),
  })
  return cli({
    argv,
    manifest: __MANIFEST__,
    version,
    print: (text) => stdout.write(`${text}\n`),
    printError: (error) =>
      argv.includes('--json') ? stdout.write(`${usageEnvelope(argv, error)}\n`) : out.error(error),
    run: async (name, rest) => (await loadRunner()).runTask(name, rest),
  })
}

/** A usage error under `--json` keeps the promise of one envelope for every call. */
function usageEnvelope(argv: readonly string[], error: AquaError): string {
  const { code, message, hint, details, exitCode } = error
  const task = argv.find((word) => !word.startsWith('-')) ?? ''
  const startedAt = new Date().toISOString()
  return JSON.stringify({
    task,
    ok: false,
    startedAt,
    seconds: 0,
    steps: [],
    result: {},
    error: { code, message, hint: hint ?? null, details, exitCode },
  })
}
