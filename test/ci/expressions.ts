/** Expressions of GitHub Actions, as far as the workflows here use them; anything else throws, and the test with it. */

export type Contexts = Readonly<Record<string, unknown>>

export type Functions = Readonly<Record<string, (...args: never[]) => unknown>>

const token = /\s*(?:('(?:[^']|'')*')|(\d+(?:\.\d+)?)|([A-Za-z_][\w-]*)|(&&|\|\||==|!=|<=|>=|[!<>().,[\]]))/y

function tokens(text: string): string[] {
  const found: string[] = []
  token.lastIndex = 0
  while (token.lastIndex < text.trimEnd().length) {
    const at = token.lastIndex
    const match = token.exec(text)
    if (!match) throw new Error(`not an expression this test knows: "${text}" at ${at}`)
    found.push(match[0].trim())
  }
  return found
}

/** GitHub's idea of true: everything but false, 0, '', null. */
export function truthy(value: unknown): boolean {
  return value !== false && value !== 0 && value !== '' && value !== null && value !== undefined
}

function equal(a: unknown, b: unknown): boolean {
  if (typeof a === 'string' && typeof b === 'string') return a.toLowerCase() === b.toLowerCase()
  if (typeof a === typeof b) return a === b
  const number = (value: unknown) => (value === null || value === undefined || value === '' ? 0 : Number(value))
  return number(a) === number(b)
}

export function shown(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

const builtin: Functions = {
  startsWith: (text: unknown, start: unknown) => shown(text).toLowerCase().startsWith(shown(start).toLowerCase()),
  contains: (where: unknown, what: unknown) =>
    Array.isArray(where) ? where.some((one) => equal(one, what)) : shown(where).includes(shown(what)),
  format: (text: string, ...args: unknown[]) => text.replace(/\{(\d+)\}/g, (_, index) => shown(args[Number(index)])),
  fromJSON: (text: string) => JSON.parse(text),
}

/** The value of what stands between `${{` and `}}`. A context that is not given throws: a typo must not read as empty. */
export function evaluate(text: string, contexts: Contexts, functions: Functions = {}): unknown {
  const words = tokens(text)
  const known: Functions = { ...builtin, ...functions }
  let at = 0
  const peek = () => words[at]
  const take = (expected?: string): string => {
    const word = words[at++]
    if (word === undefined || (expected !== undefined && word !== expected))
      throw new Error(`expected ${expected ?? 'more'} in "${text}", found ${word}`)
    return word
  }
  const either = (): unknown => {
    let left = both()
    while (peek() === '||') {
      take()
      const right = both()
      left = truthy(left) ? left : right
    }
    return left
  }
  const both = (): unknown => {
    let left = compared()
    while (peek() === '&&') {
      take()
      const right = compared()
      left = truthy(left) ? right : left
    }
    return left
  }
  const compared = (): unknown => {
    const left = single()
    const operator = peek()
    if (operator !== '==' && operator !== '!=') return left
    take()
    return equal(left, single()) === (operator === '==')
  }
  const single = (): unknown => {
    const word = take()
    if (word === '!') return !truthy(single())
    if (word === '(') {
      const value = either()
      take(')')
      return value
    }
    if (word.startsWith("'")) return word.slice(1, -1).replaceAll("''", "'")
    if (/^\d/.test(word)) return Number(word)
    if (word === 'true' || word === 'false') return word === 'true'
    if (word === 'null') return null
    if (peek() === '(') return call(word)
    if (!Object.hasOwn(contexts, word)) throw new Error(`no context ${word} for "${text}"`)
    let value = contexts[word]
    while (peek() === '.') {
      take()
      const key = take()
      value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
    }
    return value ?? ''
  }
  const call = (name: string): unknown => {
    take('(')
    const args: unknown[] = []
    while (peek() !== ')') {
      args.push(either())
      if (peek() === ',') take()
    }
    take(')')
    const run = known[name]
    if (!run) throw new Error(`no function ${name} for "${text}"`)
    return run(...(args as never[]))
  }
  const value = either()
  if (at !== words.length) throw new Error(`"${text}" goes on after its end`)
  return value
}

/** A value with its `${{ … }}` replaced. One that is nothing but an expression keeps the type of its value. */
export function interpolate(text: unknown, contexts: Contexts, functions: Functions = {}): unknown {
  if (typeof text !== 'string') return text
  const [, whole] = /^\$\{\{((?:(?!\}\}).)*)\}\}$/s.exec(text.trim()) ?? []
  if (whole !== undefined) return evaluate(whole, contexts, functions)
  return text.replace(/\$\{\{(.*?)\}\}/gs, (_, inner: string) => shown(evaluate(inner, contexts, functions)))
}

/** An `if:`, with or without `${{ }}`. */
export function holds(condition: unknown, contexts: Contexts, functions: Functions = {}): boolean {
  if (condition === undefined) return true
  if (typeof condition !== 'string') return truthy(condition)
  const text = condition.trim()
  return truthy(text.startsWith('${{') ? interpolate(text, contexts, functions) : evaluate(text, contexts, functions))
}
