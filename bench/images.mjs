// The services' images against the old stack's: one fat jar in one layer on a JRE with curl.
//   node bench/images.mjs [ROUNDS]   needs Docker, docker-registry and a built stack (npx aqua up-dev)
// A registry on loopback counts what a push really stores. Runs in a copy of the example; leaves nothing behind.
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const root = path.join(import.meta.dirname, '..')
const rounds = Number(process.argv[2] ?? 5)
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-bench-images-'))
const port = 5000 + (process.pid % 1000)
const host = `127.0.0.1:${port}`
const runtime = process.env.RUNTIME_IMAGE || 'aqua/jre:21-trixie'

/** @param {string[]} argv @param {Record<string, string>} [env] */
function run(argv, env = {}, cwd = root) {
  const [file = '', ...args] = argv
  const started = performance.now()
  const ran = spawnSync(file, args, { cwd, env: { ...process.env, CI: '1', ...env }, encoding: 'utf8', maxBuffer: 1e9 })
  if (ran.status !== 0)
    throw new Error(`${argv.slice(0, 4).join(' ')}: exit ${ran.status}\n${ran.stdout}\n${ran.stderr}`)
  return { seconds: (performance.now() - started) / 1000, stdout: ran.stdout.trim() }
}
const docker = (/** @type {string[]} */ ...args) => run(['docker', ...args])
const say = (/** @type {string} */ text) => process.stdout.write(`${text}\n`)
const median = (/** @type {number[]} */ list) =>
  list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN
const ratio = (/** @type {number} */ a, /** @type {number} */ b) => `${(a / b).toFixed(3)} ×`
const mb = (/** @type {number} */ count) => `${(count / 1e6).toFixed(2)} MB`

const stored = () => {
  let sum = 0
  for (const entry of fs.readdirSync(path.join(scratch, 'registry'), { recursive: true, withFileTypes: true }))
    if (entry.isFile() && entry.name === 'data') sum += fs.statSync(path.join(entry.parentPath, entry.name)).size
  return sum
}

/** What a push adds to the registry. @param {string} name */
function pushed(name) {
  const before = stored()
  const { seconds } = docker('push', '-q', name)
  return { seconds, bytes: stored() - before }
}

fs.mkdirSync(path.join(scratch, 'registry'))
const config = path.join(scratch, 'registry.yml')
fs.writeFileSync(
  config,
  `version: 0.1\nlog: { level: error }\nstorage: { filesystem: { rootdirectory: ${scratch}/registry } }\nhttp: { addr: ${host} }\n`,
)
const registry = spawn('docker-registry', ['serve', config], { stdio: 'ignore' })
const workspace = path.join(scratch, 'backend')
fs.cpSync(path.join(root, 'example'), workspace, { recursive: true, preserveTimestamps: true })
const source = fs
  .readdirSync(path.join(workspace, 'backend-user'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /Controller\.java$/.test(entry.name))
  .map((entry) => path.join(entry.parentPath, entry.name))[0]
if (!source) throw new Error('the example has no controller')
const original = fs.readFileSync(source, 'utf8')
const prefix = `${host}/new/`
const env = { AQUA_WORKSPACE: workspace, IMAGE_PREFIX: prefix }
const aqua = (/** @type {string[]} */ ...args) => run([process.execPath, 'scripts/aqua.cjs', ...args], env)
const ours = `${prefix}backend-user:dev`
const old = `${host}/old/backend-user:dev`

// As the old Dockerfile was: a JRE with curl, the jar in one layer. The base is the JRE at hand, so that only the layout differs.
const oldFolder = path.join(scratch, 'old')
fs.mkdirSync(oldFolder)
fs.writeFileSync(
  path.join(oldFolder, 'Dockerfile'),
  `FROM ${runtime}\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\nARG JAR_FILE\nCOPY \${JAR_FILE} app.jar\nENTRYPOINT ["java", "-jar", "/app.jar"]\n`,
)
const jarFolder = path.join(workspace, 'backend-user', 'backend-user-api', 'build', 'libs')
const jar = () => {
  const name = fs.readdirSync(jarFolder).find((file) => /^backend-user-api-[\d.]+\.jar$/.test(file))
  if (!name) throw new Error('no jar')
  return path.join(jarFolder, name)
}
function buildOld() {
  fs.copyFileSync(jar(), path.join(oldFolder, 'app.jar'))
  return docker('build', '-q', '--network', 'host', '--build-arg', 'JAR_FILE=app.jar', '-t', old, oldFolder).seconds
}

/** The image step alone: the jars are the same work for both. */
function buildOurs() {
  const envelope = JSON.parse(aqua('build-images', '--only', 'user', '--json').stdout)
  return envelope.steps.find((/** @type {{ title: string }} */ step) => step.title.startsWith('images: 1 built'))
    .seconds
}

try {
  await new Promise((resolve) => setTimeout(resolve, 1500))
  say(`first images, as ${prefix}`)
  aqua('build-images', '--only', 'user')
  buildOld()
  const first = { ours: pushed(ours).bytes, old: pushed(old).bytes }
  say(`first push of one service: ours ${mb(first.ours)}, old ${mb(first.old)}`)

  /** @type {Record<'ours' | 'old', { build: number[], push: number[], bytes: number[] }>} */
  const changed = { ours: { build: [], push: [], bytes: [] }, old: { build: [], push: [], bytes: [] } }
  for (let round = 0; round < rounds; round++) {
    fs.writeFileSync(source, original.replace(/\}\s*$/, `  static final String BENCH = "${round}-${Date.now()}";\n}\n`))
    aqua('build-jars')
    for (const side of round % 2 === 0
      ? /** @type {const} */ (['ours', 'old'])
      : /** @type {const} */ (['old', 'ours'])) {
      changed[side].build.push(side === 'ours' ? buildOurs() : buildOld())
      const { seconds, bytes } = pushed(side === 'ours' ? ours : old)
      changed[side].push.push(seconds)
      changed[side].bytes.push(bytes)
    }
  }
  const [a, b] = [changed.ours, changed.old]
  say(`one class changed, ${rounds} rounds, medians`)
  say(
    `  image build   ours ${median(a.build).toFixed(2)} s  old ${median(b.build).toFixed(2)} s  ${ratio(median(a.build), median(b.build))}`,
  )
  say(
    `  push          ours ${median(a.push).toFixed(2)} s  old ${median(b.push).toFixed(2)} s  ${ratio(median(a.push), median(b.push))}`,
  )
  const both = (/** @type {{ build: number[], push: number[] }} */ side) =>
    median(side.build.map((build, i) => build + (side.push[i] ?? 0)))
  say(
    `  build + push  ours ${both(a).toFixed(2)} s  old ${both(b).toFixed(2)} s  ${ratio(both(a), both(b))} (goal 0.5)`,
  )
  say(
    `  bytes pushed  ours ${mb(median(a.bytes))}  old ${mb(median(b.bytes))}  ${ratio(median(a.bytes), median(b.bytes))} (goal 0.02)`,
  )

  const size = (/** @type {string} */ name) => Number(docker('image', 'inspect', '--format', '{{.Size}}', name).stdout)
  say(
    `size unpacked: ours ${mb(size(ours))}, of it the runtime ${mb(size(runtime))}; old layout on the same runtime with curl ${mb(size(old))}`,
  )

  const all = (/** @type {string[]} */ ...args) => JSON.parse(aqua('build-images', '--json', ...args).stdout)
  docker('builder', 'prune', '--all', '--force')
  const stepSeconds = (/** @type {{ steps: { title: string, seconds: number }[] }} */ envelope) =>
    envelope.steps.find((step) => /^images: \d/.test(step.title))?.seconds ?? 0
  const cold = stepSeconds(all('--force'))
  const warm = stepSeconds(all('--force'))
  say(`all seven images: cold ${cold.toFixed(1)} s, again with the cache ${warm.toFixed(1)} s`)
} finally {
  registry.kill()
  const made = docker('image', 'ls', '--format', '{{.Repository}}:{{.Tag}}')
    .stdout.split('\n')
    .filter((name) => name.startsWith(host) && !name.endsWith('<none>'))
  if (made.length > 0) docker('rmi', '-f', ...made)
  fs.rmSync(scratch, { recursive: true, force: true })
}
