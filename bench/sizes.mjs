// Sizes of the images in use, and of the context that a build of all seven services sends.
//   npx aqua up-dev && node bench/sizes.mjs
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

const root = path.join(import.meta.dirname, '..')
const inspect = spawnSync('docker', ['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}\t{{.Size}}'], {
  encoding: 'utf8',
})
const rows = inspect.stdout
  .split('\n')
  .filter((line) => /^(aqua|aquastream|postgres|valkey\/valkey|eclipse-temurin)[/:]/.test(line))
process.stdout.write(`images\n${rows.map((row) => `  ${row.replace('\t', '  ')}`).join('\n')}\n`)

const folders = fs
  .readdirSync(path.join(root, 'example'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
const size = (/** @type {fs.Dirent} */ entry) => fs.statSync(path.join(entry.parentPath, entry.name)).size
const sum = (/** @type {fs.Dirent[]} */ list) =>
  (list.reduce((total, entry) => total + size(entry), 0) / 1e6).toFixed(1)
const jars = folders.filter(
  (entry) =>
    entry.parentPath.endsWith(path.join('build', 'libs')) &&
    entry.name.endsWith('.jar') &&
    !entry.name.includes('-plain'),
)
process.stdout.write(
  `context\n  workspace ${sum(folders)} MB; seven builds that send all of it ${(Number(sum(folders)) * 7).toFixed(1)} MB; the seven runnable jars ${sum(jars)} MB\n`,
)
const build = spawnSync(process.execPath, ['scripts/aqua.cjs', 'build-images', '--force', '--json'], {
  cwd: root,
  encoding: 'utf8',
})
process.stdout.write(
  `  sent by a build of all seven: ${(JSON.parse(build.stdout).result.serviceImages.contextBytes / 1e6).toFixed(1)} MB\n`,
)
