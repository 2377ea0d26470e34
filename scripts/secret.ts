import { inspect } from 'node:util'

const mark = '[redacted]'

/**
 * A value that must not be printed. Template strings, JSON and console output show `[redacted]`;
 * only the executor calls `reveal`, to hand it to a child process's environment or standard input.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  reveal(): string {
    return this.#value
  }

  toString(): string {
    return mark
  }

  toJSON(): string {
    return mark
  }

  [inspect.custom](): string {
    return mark
  }
}

/** Plain text for a child process; the executor's privilege. */
export function unwrap(value: string | Secret): string {
  return value instanceof Secret ? value.reveal() : value
}

/**
 * Replaces known secret values in text that came from elsewhere (a child's output, an error message).
 * Values under 6 characters are left: replacing them would garble ordinary words, and `env check` calls them weak.
 */
export class Redactor {
  readonly #values = new Set<string>()

  add(value: Secret | string): void {
    const plain = unwrap(value)
    if (plain.length < 6) return
    this.#values.add(plain)
    for (const line of plain.split('\n')) if (line.length >= 12) this.#values.add(line)
  }

  clean(text: string): string {
    let result = text
    // The longest first: a secret may begin with another, and its rest must not stay.
    for (const value of [...this.#values].sort((a, b) => b.length - a.length))
      if (result.includes(value)) result = result.replaceAll(value, mark)
    return result
  }
}
