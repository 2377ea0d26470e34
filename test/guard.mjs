// Runs uvu's tests so that they cannot pass by accident. uvu 0.5.6 exits 0 when a before hook throws, when a test rejects
// with something that is no Error, when `.run()` is forgotten, when `.only` is left in and when no file matches.
// Here each file runs in a process of its own against a counting wrapper (test/counting.ts), and its counts must add up.
//   node test/guard.mjs <folder or group> …     groups: unit (everything but e2e), e2e
// Where nothing is printed for long, each test has a limit (counting.ts) and each file one as well. What failed is listed
// once more at the end, so that the last lines of a log say it.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'

const root = path.dirname(import.meta.dirname)
const out = path.join(root, 'node_modules', '.cache', 'aqua-tests', String(process.pid))
const timeoutMs = { unit: 120_000, e2e: 25 * 60_000 }

/** Makes the engine and the images that the other end-to-end files use: goes before them, beside the unit tests. */
const first = 'quickstart'
/**
 * End-to-end files that need this very checkout, its history and its env files, or the ports of the stack: one after the other. The
 * others bring containers, ports and folders of their own and run beside them, in a copy of the checkout.
 */
const ofStack = ['stack', 'storage', 'registry', 'cache', 'workflows']
/** Of those others, the ones that take minutes: begun first, so that no lane waits for one at the end. */
const long = ['liquibase', 'scan', 'restore-kill', 'backup-faults', 'restore']

/** @param {string} folder @returns {string[]} */
function testFiles(folder) {
  return fs
    .readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !file.includes(`${path.sep}fixtures${path.sep}`) || folder.includes('fixtures'))
    .sort()
}

/** @param {string} name */
function filesOf(name) {
  const all = testFiles(path.join(root, 'test'))
  const inEnd = (/** @type {string} */ file) => file.startsWith(path.join(root, 'test', 'e2e') + path.sep)
  if (name === 'unit') return all.filter((file) => !inEnd(file))
  if (name === 'e2e') return all.filter(inEnd)
  const where = path.resolve(name)
  return fs.statSync(where).isDirectory() ? testFiles(where) : [where]
}

/** `uvu` means the counting wrapper, except inside the wrapper itself. @type {import('esbuild').Plugin} */
const counting = {
  name: 'counting',
  setup(builder) {
    const wrapper = path.join(root, 'test', 'counting.ts')
    builder.onResolve({ filter: /^uvu$/ }, ({ importer }) =>
      importer === wrapper ? { path: 'uvu', external: true } : { path: wrapper },
    )
  },
}

/** @param {string} file */
const short = (file) => path.basename(file, '.test.ts')

/** The tree with its jars, without what belongs to one checkout: secrets, history, reports. @returns {string} */
function copyOfRoot() {
  const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-tests-'))
  const own = /^(node_modules|\.git|dist.*|reports|backup\/artifacts|env\/\.env\.(dev|stage|prod)|example\/.*\/target)$/
  fs.cpSync(root, copy, {
    recursive: true,
    // What was built stays as new as its sources.
    preserveTimestamps: true,
    filter: (source) => !own.test(path.relative(root, source).replaceAll(path.sep, '/')),
  })
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'))
  return copy
}

/** @param {string[]} files @param {string} [from] the folder that the tests take for the project's */
async function compile(files, from = root) {
  await build({
    absWorkingDir: root,
    entryPoints: files.map((file) => ({
      in: file,
      out: path.relative(root, file).replaceAll(path.sep, '__').replace(/\.ts$/, ''),
    })),
    outdir: out,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    packages: 'external',
    sourcemap: 'inline',
    logLevel: 'error',
    plugins: [counting],
    define: { __ROOT__: JSON.stringify(from) },
  })
}

/** @typedef {{ passed: number, failed: number, skipped: number }} Count */
/** What the last lines of the log repeat. @type {string[]} */
const failures = []

/** @param {string} file @param {'quiet' | 'live' | 'prefixed'} show output at the end if it failed, at once, or line by line beside others @returns {Promise<Count>} */
function runFile(file, show) {
  const slow = show !== 'quiet'
  const name = path.relative(root, file)
  const compiled = path.join(out, `${name.replaceAll(path.sep, '__').replace(/\.ts$/, '')}.mjs`)
  const report = `${compiled}.json`
  const child = spawn(process.execPath, ['--enable-source-maps', compiled], {
    cwd: root,
    env: { ...process.env, AQUA_TEST_REPORT: report, NO_COLOR: '1' },
    stdio: ['ignore', show === 'live' ? 'inherit' : 'pipe', show === 'live' ? 'inherit' : 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    if (stream && show === 'prefixed')
      createInterface({ input: stream }).on('line', (line) => process.stdout.write(`${short(file)} │ ${line}\n`))
    else
      stream?.on('data', (data) => {
        said += data
      })
  }
  const started = Date.now()
  const timer = setTimeout(() => child.kill('SIGKILL'), slow ? timeoutMs.e2e : timeoutMs.unit)
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      /** @type {{ declared: number, passed: number, failed: number, skipped: string[], problems: string[], failures: string[] }} */
      let counts = {
        declared: 0,
        passed: 0,
        failed: 0,
        skipped: [],
        problems: ['the file ended before its tests did'],
        failures: [],
      }
      try {
        counts = JSON.parse(fs.readFileSync(report, 'utf8'))
      } catch {
        // No report: the process died or never reached its tests. The default above says so.
      }
      const problems = [...counts.problems]
      if (code !== 0 && counts.failed === 0) problems.push(signal ? `killed by ${signal}` : `exited with ${code}`)
      if (counts.declared === 0) problems.push('no test in this file')
      if (counts.passed + counts.failed + counts.skipped.length !== counts.declared)
        problems.push(
          `${counts.declared} tests declared, ${counts.passed + counts.failed} ran (a missing .run(), or .only left in)`,
        )
      const failed = counts.failed + (problems.length > 0 && counts.failed === 0 ? 1 : 0)
      const seconds = ((Date.now() - started) / 1000).toFixed(1)
      process.stdout.write(
        `${failed > 0 ? '✗' : '✓'} ${name}: ${counts.passed} passed${failed > 0 ? `, ${failed} failed` : ''} (${seconds}s)\n`,
      )
      for (const reason of counts.skipped) process.stdout.write(`  skipped: ${reason}\n`)
      for (const problem of problems) process.stdout.write(`  ${problem}\n`)
      failures.push(...[...counts.failures, ...problems].map((what) => `${name}: ${what}`))
      if (failed > 0 && said) process.stdout.write(`${said.trimEnd()}\n`)
      resolve({ passed: counts.passed, failed, skipped: counts.skipped.length })
    })
  })
}

const wanted = process.argv.slice(2)
/** @type {Count} */
const total = { passed: 0, failed: 0, skipped: 0 }
/** @param {string[]} files one after the other @param {'quiet' | 'live' | 'prefixed'} show */
async function lane(files, show) {
  for (let file = files.shift(); file; file = files.shift()) {
    const count = await runFile(file, show)
    total.passed += count.passed
    total.failed += count.failed
    total.skipped += count.skipped
  }
}

let copy = ''
try {
  const files = [...new Set((wanted.length > 0 ? wanted : ['unit']).flatMap(filesOf))]
  if (files.length === 0) throw new Error(`no test file matches ${wanted.join(' ')}`)
  const [slow, quick] = [true, false].map((end) =>
    files.filter((file) => file.includes(`${path.sep}e2e${path.sep}`) === end),
  )
  const beside = slow
    .filter((file) => ![first, ...ofStack].includes(short(file)))
    .sort((a, b) => Number(long.includes(short(b))) - Number(long.includes(short(a))))
  const rest = ofStack.flatMap((name) => slow.filter((file) => short(file) === name))
  await compile(files.filter((file) => !beside.includes(file)))
  const begin = slow.filter((file) => short(file) === first)
  await Promise.all([lane(quick, 'quiet'), lane(quick, 'quiet'), lane(begin, 'live')])
  if (beside.length > 0) {
    copy = copyOfRoot()
    await compile(beside, copy)
  }
  const show = rest.length + beside.length > 1 ? 'prefixed' : 'live'
  await Promise.all([lane(rest, show).then(() => lane(beside, show)), lane(beside, show)])
} catch (error) {
  total.failed += 1
  failures.push(String(error instanceof Error ? error.message : error))
} finally {
  for (const folder of [out, copy]) if (folder) fs.rmSync(folder, { recursive: true, force: true })
}
if (total.failed > 0 || total.passed === 0) process.exitCode = 1
if (failures.length > 0) process.stdout.write(`\nfailed:\n${failures.map((what) => `  ${what}\n`).join('')}`)
process.stdout.write(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}\n`,
)
