// Bundles the runner: dist/entry.cjs (help, completion, typos), dist/main.js (the runner) and one chunk per task.
// The manifest is made by loading every task once, here, so that help never has to.
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import fresh from './fresh.cjs'

const root = path.dirname(import.meta.dirname)
const dist = path.join(root, 'dist')
const stamp = fresh.stamp(root)
// A build beside the old one, swapped at the end: a second aqua that starts meanwhile never sees half a bundle.
const next = path.join(root, `dist.${process.pid}`)

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  logLevel: 'error',
  legalComments: 'none',
  // A package that is imported lazily has to be an ES module: of a CommonJS chunk, import() gives the default alone.
  mainFields: ['module', 'main'],
}

const names = fs
  .readdirSync(path.join(root, 'tasks'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => path.basename(file, '.ts'))
  .sort()

await build({
  ...common,
  format: 'esm',
  splitting: true,
  outdir: next,
  entryPoints: [
    { in: 'scripts/main.ts', out: 'main' },
    ...names.map((name) => ({ in: `tasks/${name}.ts`, out: `tasks/${name}` })),
  ],
  // CommonJS dependencies inside an ES bundle call require for Node's own modules.
  banner: { js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);" },
})
const manifest = []
for (const name of names) {
  const { default: spec } = await import(pathToFileURL(path.join(next, 'tasks', `${name}.js`)).href)
  const { summary, group, effect, positionals = {}, options = {}, aliases = {}, examples, notes = [] } = spec
  manifest.push({ name, summary, group, effect, positionals, options, aliases, examples, notes })
}
await build({
  ...common,
  format: 'cjs',
  minifySyntax: true,
  outfile: path.join(next, 'entry.cjs'),
  entryPoints: ['scripts/entry.ts'],
  external: ['./main.ts'],
  define: { __MANIFEST__: JSON.stringify(manifest) },
})
fs.writeFileSync(path.join(next, 'package.json'), '{"type":"module"}\n')
fs.writeFileSync(path.join(next, 'inputs.json'), stamp)
const old = `${next}.old`
try {
  fs.renameSync(dist, old)
} catch (error) {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
}
try {
  fs.renameSync(next, dist)
} catch (error) {
  // Another aqua built the same sources a moment ago; its bundle is as good.
  if (!(error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST')))
    throw error
  fs.rmSync(next, { recursive: true, force: true })
}
fs.rmSync(old, { recursive: true, force: true })
