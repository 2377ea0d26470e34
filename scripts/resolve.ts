import { AquaError } from './error.ts'
import { nearest } from './suggest.ts'
import type { Manifest, ManifestEntry } from './task.ts'

export interface Resolved {
  entry: ManifestEntry
  /** What follows the task's name, with the words an alias stands for in front. */
  argv: string[]
}

/** `env init` → `env-init`, `up-dev` → `up` with `dev`; the longest match wins. Global flags may stand before the name. */
export function resolve(manifest: Manifest, argv: readonly string[]): Resolved | undefined {
  const first = argv.findIndex((word, i) => !word.startsWith('-') && argv[i - 1] !== '--workspace')
  if (first === -1) return undefined
  const flags = argv.slice(0, first)
  const words = argv.slice(first)
  const leading = words.findIndex((word) => word.startsWith('-'))
  const longest = Math.min(3, leading === -1 ? words.length : leading)
  for (let count = longest; count > 0; count--) {
    const name = words.slice(0, count).join('-')
    const rest = [...words.slice(count), ...flags]
    for (const entry of manifest) {
      if (entry.name === name) return { entry, argv: rest }
      const alias = entry.aliases[name]
      if (alias && Object.hasOwn(entry.aliases, name)) return { entry, argv: [...alias, ...rest] }
    }
  }
  return undefined
}

export function namesOf(manifest: Manifest): string[] {
  return manifest.flatMap((entry) => [entry.name, ...Object.keys(entry.aliases)])
}

/** The tasks under a word that is only a group: `env` → env-init, env-check … */
export function family(manifest: Manifest, word: string): Manifest {
  return manifest.filter((entry) => entry.name.startsWith(`${word}-`))
}

export function unknownTask(manifest: Manifest, argv: readonly string[]): AquaError {
  const word = argv.find((arg) => !arg.startsWith('-')) ?? ''
  if (word === '') return new AquaError('USAGE', 'which task?', { exit: 'usage', hint: 'aqua help lists all tasks' })
  const kin = family(manifest, word)
  if (kin.length > 0) {
    const next = kin.map((entry) => entry.name.slice(word.length + 1))
    const given = argv[argv.indexOf(word) + 1]
    const wrong = given !== undefined && !given.startsWith('-')
    return new AquaError('UNKNOWN_TASK', wrong ? `there is no "${word} ${given}"` : `"${word}" needs a verb`, {
      exit: 'usage',
      hint: `aqua ${word} ${next.join(' | ')}`,
    })
  }
  const guess = nearest(word, namesOf(manifest))
  return new AquaError('UNKNOWN_TASK', `there is no task "${word}"`, {
    exit: 'usage',
    hint: guess ? `did you mean "aqua ${guess}"? aqua help lists all` : 'aqua help lists all tasks',
  })
}
