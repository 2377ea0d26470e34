// Runs uvu's tests so that they cannot pass by accident. uvu 0.5.6 exits 0 when a before hook throws, when a test rejects
// with something that is no Error, when `.run()` is forgotten, when `.only` is left in and when no file matches.
// Here each file runs in a process of its own against a counting wrapper (test/counting.ts), and its counts must add up.
//   node test/guard.mjs <folder or group> …     groups: unit (everything but e2e), e2e
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { build } from 'esbuild'

const root = path.dirname(import.meta.dirname)
const out = path.join(root, 'node_modules', '.cache', 'aqua-tests', String(process.pid))
const timeoutMs = { unit: 120_000, e2e: 45 * 60_000 }

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

/** @param {string[]} files */
async function compile(files) {
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
    define: { __ROOT__: JSON.stringify(root) },
  })
}

/** @typedef {{ passed: number, failed: number, skipped: number }} Count */

/** @param {string} file @param {boolean} slow @returns {Promise<Count>} */
function runFile(file, slow) {
  const name = path.relative(root, file)
  const compiled = path.join(out, `${name.replaceAll(path.sep, '__').replace(/\.ts$/, '')}.mjs`)
  const report = `${compiled}.json`
  const child = spawn(process.execPath, ['--enable-source-maps', compiled], {
    cwd: root,
    env: { ...process.env, AQUA_TEST_REPORT: report, NO_COLOR: '1' },
    stdio: ['ignore', slow ? 'inherit' : 'pipe', slow ? 'inherit' : 'pipe'],
  })
  let said = ''
  child.stdout?.on('data', (data) => {
    said += data
  })
  child.stderr?.on('data', (data) => {
    said += data
  })
  const started = Date.now()
  const timer = setTimeout(() => child.kill('SIGKILL'), slow ? timeoutMs.e2e : timeoutMs.unit)
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      /** @type {{ declared: number, passed: number, failed: number, skipped: string[], problems: string[] }} */
      let counts = { declared: 0, passed: 0, failed: 0, skipped: [], problems: ['the file ended before its tests did'] }
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
      if (failed > 0 && said) process.stdout.write(`${said.trimEnd()}\n`)
      resolve({ passed: counts.passed, failed, skipped: counts.skipped.length })
    })
  })
}

const wanted = process.argv.slice(2)
/** @type {Count} */
const total = { passed: 0, failed: 0, skipped: 0 }
try {
  const files = [...new Set((wanted.length > 0 ? wanted : ['unit']).flatMap(filesOf))]
  if (files.length === 0) throw new Error(`no test file matches ${wanted.join(' ')}`)
  await compile(files)
  const queue = files.filter((file) => !file.includes(`${path.sep}e2e${path.sep}`))
  // The stack's story goes first: it builds the images that the others run.
  const slow = files
    .filter((file) => file.includes(`${path.sep}e2e${path.sep}`))
    .sort((a, b) => Number(b.endsWith('stack.test.ts')) - Number(a.endsWith('stack.test.ts')))
  const add = (/** @type {Count} */ count) => {
    total.passed += count.passed
    total.failed += count.failed
    total.skipped += count.skipped
  }
  const worker = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) add(await runFile(file, false))
  }
  await Promise.all([worker(), worker()])
  // One stack, one engine: the end-to-end files go one after the other.
  for (const file of slow) add(await runFile(file, true))
} catch (error) {
  total.failed += 1
  process.stdout.write(`${error instanceof Error ? error.message : error}\n`)
} finally {
  fs.rmSync(out, { recursive: true, force: true })
}
if (total.failed > 0 || total.passed === 0) process.exitCode = 1
process.stdout.write(
  `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}\n`,
)
