import fs from 'node:fs'
// For this file the name means the real one; for every test it means this file (see guard.mjs).
import * as uvu from 'uvu'

/**
 * uvu with every test and hook counted. A hook that throws or a test that rejects with something that is no Error fails
 * here by name; the counts go to the guard, which compares declared with ran.
 */
const report = {
  declared: 0,
  passed: 0,
  failed: 0,
  skipped: [] as string[],
  problems: [] as string[],
  /** Name and first line of the reason. */
  failures: [] as string[],
}

type Body = (context: never) => unknown
type Hook = (body: Body) => void
interface Suite {
  (name: string, body: Body): void
  only(name: string, body: Body): void
  /** The reason is part of the call: a skip without one is a failure. */
  skip(name: string, reason?: unknown): void
  before: Hook & { each: Hook }
  after: Hook & { each: Hook }
  run(): void
}

function save(): void {
  const file = process.env.AQUA_TEST_REPORT
  if (file) fs.writeFileSync(file, JSON.stringify(report))
}
process.on('exit', save)
process.on('unhandledRejection', (reason) => {
  report.problems.push(`unhandled rejection: ${reason instanceof Error ? reason.stack : String(reason)}`)
})

function asError(thrown: unknown): Error {
  // uvu takes `details` for a text of its own and breaks down over anything else: an AquaError has a list there.
  if (thrown instanceof Error && 'details' in thrown && typeof thrown.details !== 'string')
    return Object.assign(new Error(thrown.message, { cause: thrown }), { stack: thrown.stack })
  return thrown instanceof Error ? thrown : new Error(`rejected with no Error but ${typeof thrown}: ${String(thrown)}`)
}

const inEnd = process.env.AQUA_TEST_REPORT?.includes('e2e') === true
/** A test that hangs fails by its name, and the hooks after it still clean up. Images from nothing take five minutes. */
const limitMs = Number(process.env.AQUA_TEST_LIMIT_MS) || (inEnd ? 15 * 60_000 : 100_000)

async function withinLimit(work: unknown): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`still running after ${limitMs / 1000} s`)), limitMs).unref()
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function counted(name: string, body: Body): Body {
  report.declared += 1
  return async (context) => {
    const started = Date.now()
    try {
      await withinLimit(body(context))
      report.passed += 1
      if (inEnd) say(`  ✓ ${name} (${((Date.now() - started) / 1000).toFixed(1)}s)`)
    } catch (thrown) {
      report.failed += 1
      say(`  ✗ ${name}`)
      const error = asError(thrown)
      report.failures.push(`${name}: ${error.message.split('\n')[0]?.slice(0, 300)}`)
      throw error
    }
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function hook(kind: string, register: (body: Body) => void): Hook {
  return (body) =>
    register(async (context) => {
      try {
        await withinLimit(body(context))
      } catch (thrown) {
        report.failed += 1
        report.problems.push(`${kind} hook: ${asError(thrown).stack}`)
        throw asError(thrown)
      }
    })
}

function wrap(inner: Suite): Suite {
  const outer = ((name: string, body: Body) => inner(name, counted(name, body))) as Suite
  outer.only = (name) => {
    report.problems.push(`.only on "${name}" leaves the other tests out`)
  }
  outer.skip = (name, reason) => {
    report.declared += 1
    const said = typeof reason === 'string' ? reason : undefined
    if (said === undefined) report.problems.push(`"${name}" is skipped without a reason`)
    report.skipped.push(`${name}: ${said ?? 'no reason'}`)
  }
  outer.before = Object.assign(hook('before', inner.before), { each: hook('before.each', inner.before.each) })
  outer.after = Object.assign(hook('after', inner.after), { each: hook('after.each', inner.after.each) })
  outer.run = () => inner.run()
  return outer
}

export const test: Suite = wrap(uvu.test as unknown as Suite)
export function suite(name: string): Suite {
  return wrap(uvu.suite(name) as unknown as Suite)
}
