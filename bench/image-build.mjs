// The seven services' images by `docker compose build` on the dev overlay and by aqua's own call of `buildx bake` on the same files.
//   node bench/image-build.mjs [ROUNDS]   needs Docker and built third-party images. It empties the build cache
// Both make the same images from the same jars under the same names; "again" has everything in the cache.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

const root = path.join(import.meta.dirname, '..')
const rounds = Number(process.argv[2] ?? 3)
const prefix = `aqua-bench-build-${process.pid}/`
const runtime = process.env.RUNTIME_IMAGE || 'aqua/jre:21-trixie'
const names = ['gateway', 'user', 'event', 'crew', 'payment', 'notification', 'media'].map(
  (short) => `backend-${short}`,
)

const folder = path.join(root, 'docker', 'compose')
const files = ['docker-compose.yml', 'docker-compose.override.dev.yml'].map((name) => path.join(folder, name))
/** Compose refuses to read its files without these, though a build needs none of them. */
const required = Object.fromEntries(
  files.flatMap((file) =>
    [...fs.readFileSync(file, 'utf8').matchAll(/\$\{(\w+):\?/g)].map(([, name = '']) => [name, 'x']),
  ),
)

/** @param {string[]} argv */
function run(argv) {
  const [file = '', ...args] = argv
  const env = { ...required, ...process.env, CI: '1', IMAGE_PREFIX: prefix, IMAGE_TAG: 'dev', RUNTIME_IMAGE: runtime }
  const started = performance.now()
  const workspace = { AQUA_WORKSPACE: path.join(root, 'example') }
  const ran = spawnSync(file, args, { cwd: root, env: { ...env, ...workspace }, encoding: 'utf8', maxBuffer: 1e9 })
  if (ran.status !== 0)
    throw new Error(`${argv.slice(0, 4).join(' ')}: exit ${ran.status}\n${ran.stdout}\n${ran.stderr}`)
  return { seconds: (performance.now() - started) / 1000, stdout: ran.stdout }
}
const median = (/** @type {number[]} */ list) =>
  list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN
const empty = () => run(['docker', 'builder', 'prune', '--all', '--force'])

const ways = {
  compose: () => run(['docker', 'compose', ...files.flatMap((file) => ['-f', file]), 'build', ...names]).seconds,
  /** The step alone: looking at jars and hashes is more than compose does. */
  bake() {
    const { steps } = JSON.parse(
      run([process.execPath, 'scripts/aqua.cjs', 'build-images', '--force', '--json']).stdout,
    )
    const step = steps.find((/** @type {{ title: string }} */ { title }) => /^images: \d/.test(title))
    return /** @type {number} */ (step.seconds)
  },
}

try {
  run([process.execPath, 'scripts/aqua.cjs', 'build-jars'])
  const times = { compose: { cold: [], again: [] }, bake: { cold: [], again: [] } }
  for (let round = 0; round < rounds; round++)
    for (const way of /** @type {const} */ (round % 2 === 0 ? ['compose', 'bake'] : ['bake', 'compose'])) {
      empty()
      times[way].cold.push(/** @type {never} */ (ways[way]()))
      times[way].again.push(/** @type {never} */ (ways[way]()))
    }
  for (const kind of /** @type {const} */ (['cold', 'again'])) {
    const [compose, bake] = [median(times.compose[kind]), median(times.bake[kind])]
    process.stdout.write(
      `all seven, ${kind}: compose build ${compose.toFixed(1)} s, bake ${bake.toFixed(1)} s, ${(bake / compose).toFixed(2)} × (${rounds} rounds)\n`,
    )
  }
} finally {
  spawnSync('docker', ['rmi', '-f', ...names.map((name) => `${prefix}${name}:dev`)])
}
