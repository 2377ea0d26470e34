import { AquaError } from './error.ts'
import { family, resolve } from './resolve.ts'
import { globalOptions, kebab, type Manifest, type OptionSpec } from './task.ts'

/**
 * Candidates for the last of `words` (what follows `aqua`). The shell scripts below call this at every Tab,
 * so it reads the manifest and nothing else.
 */
export function complete(manifest: Manifest, words: readonly string[]): string[] {
  const current = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const matching = (candidates: Iterable<string>) =>
    [...new Set(candidates)].filter((word) => word.startsWith(current)).sort()
  const found = resolve(manifest, before)
  if (!found) {
    const [head] = before
    if (head !== undefined) return matching(family(manifest, head).map((entry) => entry.name.slice(head.length + 1)))
    return matching(['help', 'completion', ...manifest.flatMap((entry) => [entry.name, ...Object.keys(entry.aliases)])])
  }
  const options: Record<string, OptionSpec> = { ...found.entry.options, ...globalOptions }
  const previous = before.at(-1) ?? ''
  const spec = previous.startsWith('--')
    ? Object.entries(options).find(([name]) => `--${kebab(name)}` === previous)?.[1]
    : undefined
  if (spec && spec.type !== 'boolean') return matching(spec.choices ?? [])
  if (current.startsWith('-'))
    return matching(
      Object.entries(options).map(
        ([name, o]) => `--${o.type === 'boolean' && o.default === true ? 'no-' : ''}${kebab(name)}`,
      ),
    )
  const given = found.argv.filter((word) => !word.startsWith('-'))
  const positionals = Object.values(found.entry.positionals)
  const next = positionals[given.length] ?? (positionals.at(-1)?.array ? positionals.at(-1) : undefined)
  const deeper =
    before.length === 1 ? family(manifest, before[0] ?? '').map((e) => e.name.slice((before[0] ?? '').length + 1)) : []
  return matching([...deeper, ...(next?.choices ?? [])])
}

const scripts: Record<string, string> = {
  bash: `_aqua() {
  local IFS=$'\\n'
  COMPREPLY=($(aqua __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _aqua aqua
`,
  zsh: `#compdef aqua
_aqua() {
  local -a found
  found=("\${(@f)$(aqua __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a found
}
compdef _aqua aqua
`,
  fish: `complete -c aqua -f -a '(aqua __complete (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
}

/** The shell's script; it expects \`aqua\` on PATH (npm link, or an alias for npx aqua). */
export function completionScript(shell: string | undefined): string {
  const script = shell !== undefined && Object.hasOwn(scripts, shell) ? scripts[shell] : undefined
  if (script === undefined)
    throw new AquaError('USAGE', shell ? `no completion for "${shell}"` : 'which shell?', {
      exit: 'usage',
      hint: 'aqua completion bash | zsh | fish, e.g. source <(aqua completion bash)',
    })
  return script
}
