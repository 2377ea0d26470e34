import type { Finding, Severity } from './finding.ts'

interface Instruction {
  name: string
  /** Continuation lines joined, comments between them left out. */
  text: string
  line: number
}

/** A Dockerfile's instructions in order. */
export function instructions(source: string): Instruction[] {
  const found: Instruction[] = []
  let open: Instruction | undefined
  for (const [i, raw] of source.split('\n').entries()) {
    if (/^\s*#/.test(raw) || (open === undefined && raw.trim() === '')) continue
    const goesOn = /\\\s*$/.test(raw)
    const text = raw.replace(/\\\s*$/, '').trim()
    if (open) open.text += ` ${text}`
    else {
      const [, name = '', rest = ''] = /^(\w+)\s*(.*)$/.exec(text) ?? []
      open = { name: name.toUpperCase(), text: rest, line: i + 1 }
      found.push(open)
    }
    if (!goesOn) open = undefined
  }
  return found
}

const secretName = /(PASSWORD|PASSWD|SECRET|TOKEN|PRIVATE_?KEY|ACCESS_?KEY|CREDENTIALS?)/i

/** True for an image reference that can mean another image tomorrow. */
export function isFloating(reference: string): boolean {
  if (reference === 'scratch' || reference.includes('@sha256:')) return false
  const name = reference.split('/').at(-1) ?? ''
  return !name.includes(':') || name.endsWith(':latest')
}

/** aqua's own rules for Dockerfiles; they need neither network nor tool. `file` is relative to the project. */
export function checkDockerfile(file: string, source: string): Finding[] {
  const findings: Finding[] = []
  const add = (rule: string, severity: Severity, line: number, title: string, fix: string) =>
    findings.push({
      id: `dockerfile/${rule}`,
      aliases: [],
      severity,
      package: file,
      version: `line ${line}`,
      fix,
      place: file,
      line,
      title,
    })

  const frontend = source.split('\n').findIndex((line) => /^#\s*syntax\s*=/i.test(line))
  if (frontend >= 0)
    add('frontend', 'medium', frontend + 1, 'a syntax line makes every build pull a frontend image', 'leave it out')

  const all = instructions(source)
  const stages = new Set<string>()
  const defaults = new Map<string, string>()
  for (const { name, text, line } of all) {
    if (name === 'ARG' && stages.size === 0) {
      const [key = '', value = ''] = text.split('=')
      defaults.set(key.trim(), value.trim())
    }
    if (name === 'FROM') {
      const words = text.split(/\s+/).filter((word) => !word.startsWith('--'))
      const reference = (words[0] ?? '').replace(/\$\{?(\w+)\}?/g, (_, key: string) => defaults.get(key) ?? '')
      if (!stages.has(reference) && isFloating(reference))
        add(
          'floating-base',
          'high',
          line,
          `the base ${reference || text} can change from build to build`,
          'an exact tag',
        )
      stages.add(words[2] ?? `stage ${stages.size}`)
    }
    if (name === 'ADD' && /\bhttps?:\/\//.test(text) && !text.includes('--checksum='))
      add('unchecked-download', 'high', line, 'ADD fetches a file that nothing checks', 'ADD --checksum=sha256:…')
    if (name === 'RUN' && /\b(curl|wget)\b[^|;&]*\|\s*(sudo\s+)?(ba|z|da)?sh\b/.test(text))
      add('piped-script', 'high', line, 'a script from the network runs unread', 'fetch, compare a checksum, run')
    if (name === 'RUN' && /\bchmod\s+(-\w+\s+)*(0?777|a\+rwx|a\+w|o\+w)\b/.test(text))
      add('world-writable', 'medium', line, 'everybody may write what is made here', 'an owner and a narrower mode')
    if (name === 'ARG' || name === 'ENV')
      for (const key of names(text))
        if (secretName.test(key))
          add('secret', 'critical', line, `${name} ${key} stays in the image's history`, 'RUN --mount=type=secret')
  }
  checkLastStage(all, add)
  return findings
}

/** The names that an ARG or ENV line sets: `A=1 B=2`, or the old `A 1`. */
function names(text: string): string[] {
  const pairs = [...text.matchAll(/(?:^|\s)(\w+)=/g)].map(([, name]) => name ?? '')
  return pairs.length > 0 ? pairs : [text.split(/\s+/)[0] ?? '']
}

/** What runs: only a last stage that has a program of its own is looked at, a base for others is not. */
function checkLastStage(
  all: readonly Instruction[],
  add: (rule: string, severity: Severity, line: number, title: string, fix: string) => void,
): void {
  const start = all.findLastIndex(({ name }) => name === 'FROM')
  const stage = all.slice(Math.max(start, 0))
  const program = stage.findLast(({ name }) => name === 'ENTRYPOINT' || name === 'CMD')
  if (!program) return
  const user = stage.findLast(({ name }) => name === 'USER')?.text ?? 'root'
  // Medium, because the Compose files say who runs it, and their rule is the strict one.
  if (/^(root|0)(:|$)/.test(user))
    add('runs-as-root', 'medium', program.line, 'its program starts as root unless told otherwise', 'USER 1000:1000')
  if (stage.some(({ name }) => name === 'EXPOSE') && !stage.some(({ name }) => name === 'HEALTHCHECK'))
    add('no-healthcheck', 'low', program.line, 'it serves a port and nobody can ask how it is', 'HEALTHCHECK')
}
