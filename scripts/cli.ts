import { complete, completionScript } from './completion.ts'
import { type AquaError, exitCodes, isAquaError } from './error.ts'
import { exitCodesHelp, overview, taskHelp } from './help.ts'
import { family, resolve, unknownTask } from './resolve.ts'
import type { Manifest } from './task.ts'

export interface CliOptions {
  argv: readonly string[]
  manifest: Manifest
  version: string
  print(text: string): void
  printError(error: AquaError): void
  /** Loads the runner, its parser and the task: only when something is to be run. */
  run(name: string, argv: readonly string[]): Promise<number>
}

/** Everything that can be answered from the manifest is answered here; the heavy rest is loaded on demand. */
export async function cli({ argv, manifest, version, print, printError, run }: CliOptions): Promise<number> {
  try {
    const [head, ...rest] = argv
    if (head === '__complete') {
      for (const candidate of complete(manifest, rest)) print(candidate)
      return exitCodes.done
    }
    if (head === 'completion') {
      print(completionScript(rest[0]).trimEnd())
      return exitCodes.done
    }
    if (head === 'help' || head === undefined || argv.every((word) => word === '-h' || word === '--help')) {
      print(help(manifest, version, rest))
      return exitCodes.done
    }
    const found = resolve(manifest, argv)
    const beforeDashes = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : undefined)
    if (beforeDashes.includes('--help') || beforeDashes.includes('-h')) {
      print(
        found
          ? taskHelp(manifest, found.entry)
          : help(
              manifest,
              version,
              argv.filter((word) => !word.startsWith('-')),
            ),
      )
      return exitCodes.done
    }
    if (!found) throw unknownTask(manifest, argv)
    return await run(found.entry.name, found.argv)
  } catch (error) {
    if (!isAquaError(error)) throw error
    printError(error)
    return error.exitCode
  }
}

function help(manifest: Manifest, version: string, words: readonly string[]): string {
  const [topic] = words
  if (topic === undefined || topic.startsWith('-')) return overview(manifest, version)
  if (topic === 'exit-codes') return exitCodesHelp()
  const found = resolve(manifest, words)
  if (found) return taskHelp(manifest, found.entry)
  const kin = family(manifest, topic)
  if (kin.length > 0) return kin.map((entry) => taskHelp(manifest, entry)).join('\n\n———\n\n')
  throw unknownTask(manifest, words)
}
