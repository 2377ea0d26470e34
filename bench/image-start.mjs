// How long the services' images take to their first healthy answer, with and without the class-data archive, and as a fat jar.
//   node bench/image-start.mjs [ROUNDS [SERVICE]]   needs Docker and a built stack (npx aqua up-dev)
// The gateway needs Redis alone; user migrates a database, in the first start, and asks it in each. Leaves nothing behind.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const root = path.join(import.meta.dirname, '..')
const rounds = Number(process.argv[2] ?? 5)
const name = `aqua-bench-start-${process.pid}`
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), `${name}-`))
const redis = process.env.REDIS_IMAGE || 'aqua/valkey:8.1-trixie'
const postgres = process.env.POSTGRES_IMAGE || 'aqua/postgres:17-trixie'
const secret = '0123456789abcdef'.repeat(3)

/** @param {string[]} argv */
function run(argv) {
  const [file = '', ...args] = argv
  const env = { ...process.env, CI: '1', AQUA_WORKSPACE: path.join(root, 'example'), IMAGE_PREFIX: `${name}/` }
  const ran = spawnSync(file, args, { cwd: root, env, encoding: 'utf8', maxBuffer: 1e9 })
  if (ran.status !== 0)
    throw new Error(`${argv.slice(0, 4).join(' ')}: exit ${ran.status}\n${ran.stdout}\n${ran.stderr}`)
  return ran.stdout.trim()
}
const docker = (/** @type {string[]} */ ...args) => run(['docker', ...args])
const say = (/** @type {string} */ text) => process.stdout.write(`${text}\n`)
const median = (/** @type {number[]} */ list) =>
  list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN
const env = (/** @type {Record<string, string>} */ list) =>
  Object.entries(list).flatMap(([key, value]) => ['-e', `${key}=${value}`])

/** A server beside the services. @param {string} alias @param {string[]} rest */
const beside = (alias, ...rest) =>
  docker('run', '-d', '--name', `${name}-${alias}`, '--network', name, '--network-alias', alias, ...rest)

/** As stage and prod start them, and as dev does, which compiles less (docker/compose/settings/dev.env). */
const dev = fs.readFileSync(path.join(root, 'docker', 'compose', 'settings', 'dev.env'), 'utf8')
const ofStage = { prod: {}, dev: { JAVA_TOOL_OPTIONS: /^JAVA_TOOL_OPTIONS=(.*)$/m.exec(dev)?.[1] ?? '' } }
/** @typedef {keyof typeof ofStage} Stage */

const services = [
  { short: 'gateway', jar: 'backend-gateway', env: {} },
  {
    short: 'user',
    jar: 'backend-user/backend-user-api',
    env: {
      SPRING_DATASOURCE_URL: 'jdbc:postgresql://postgres:5432/aquastream',
      SPRING_DATASOURCE_USERNAME: 'postgres',
      SPRING_DATASOURCE_PASSWORD: secret,
    },
  },
].filter(({ short }) => process.argv[3] === undefined || process.argv[3] === short)
/** @typedef {(typeof services)[number]} Service */
const image = (/** @type {Service} */ { short }) => `${name}/backend-${short}:dev`
const fat = (/** @type {Service} */ { short }) => `${name}/fat-${short}:dev`

/** From `docker run` to the first ready answer, on one processor. @param {Service} service @param {Stage} stage @param {string[]} entry */
function startSeconds(service, stage, entry, from = image(service)) {
  const container = `${name}-service`
  const settings = env({
    ...service.env,
    ...ofStage[stage],
    SPRING_DATA_REDIS_HOST: 'redis',
    JWT_SECRET: secret,
    SPRING_PROFILES_ACTIVE: 'dev',
    MANAGEMENT_ENDPOINT_HEALTH_PROBES_ENABLED: 'true',
  })
  const limits = ['--cpus', '1', '-m', '512m', '--read-only', '--tmpfs', '/tmp', '--no-healthcheck']
  const started = performance.now()
  docker(
    ...['run', '-d', '--name', container, '--network', name, ...limits, ...settings],
    ...['--entrypoint', 'java', from, ...entry],
  )
  try {
    docker('exec', container, 'bash', '-c', 'until healthcheck >/dev/null 2>&1; do sleep 0.05; done')
    return (performance.now() - started) / 1000
  } finally {
    docker('rm', '-f', container)
  }
}

/** @param {Service} service */
function buildFat(service) {
  const libs = path.join(root, 'example', service.jar, 'build', 'libs')
  const jar = fs.readdirSync(libs).find((file) => /-[\d.]+\.jar$/.test(file)) ?? ''
  fs.copyFileSync(path.join(libs, jar), path.join(scratch, 'app.jar'))
  fs.writeFileSync(path.join(scratch, 'Dockerfile'), `FROM ${image(service)}\nCOPY app.jar /app.jar\n`)
  docker('build', '-q', '-t', fat(service), scratch)
}

try {
  run([process.execPath, 'scripts/aqua.cjs', 'build-images', ...services.flatMap(({ short }) => ['--only', short])])
  services.forEach(buildFat)
  docker('network', 'create', name)
  beside('redis', '--entrypoint', 'redis-server', redis, '--protected-mode', 'no')
  beside('postgres', ...env({ POSTGRES_PASSWORD: secret, POSTGRES_DB: 'aquastream' }), postgres)
  const ready = 'until pg_isready -q -h 127.0.0.1; do sleep 0.2; done; psql -qU postgres aquastream'
  docker('exec', `${name}-postgres`, 'bash', '-c', `${ready} -c 'create schema "user"'`)
  const cases = services.flatMap((service) =>
    /** @type {Stage[]} */ (['prod', 'dev']).map((stage) => ({ service, stage })),
  )
  for (const { service, stage } of cases) {
    const ways = {
      archive: () => startSeconds(service, stage, ['@/app/archive.args', '@/app/launch.args']),
      without: () => startSeconds(service, stage, ['@/app/launch.args']),
      fat: () => startSeconds(service, stage, ['-jar', '/app.jar'], fat(service)),
    }
    ways.archive()
    /** @type {Record<keyof typeof ways, number[]>} */
    const times = { archive: [], without: [], fat: [] }
    for (let round = 0; round < rounds; round++)
      for (const way of /** @type {const} */ (['archive', 'without', 'fat'])) times[way].push(ways[way]())
    const [a, b, c] = [median(times.archive), median(times.without), median(times.fat)]
    say(
      `${service.short} as ${stage} starts it, 1 CPU, from docker run to the first ready answer, ${rounds} rounds, medians`,
    )
    say(`  with archive ${a.toFixed(2)} s, without ${b.toFixed(2)} s, as a fat jar ${c.toFixed(2)} s`)
    say(`  ${(a / b).toFixed(3)} × of without (goal 0.65), ${(a / c).toFixed(3)} × of the fat jar`)
  }
} finally {
  for (const alias of ['redis', 'postgres']) spawnSync('docker', ['rm', '-f', '-v', `${name}-${alias}`])
  spawnSync('docker', ['network', 'rm', name])
  spawnSync('docker', ['rmi', '-f', ...services.flatMap((service) => [image(service), fat(service)])])
  fs.rmSync(scratch, { recursive: true, force: true })
}
