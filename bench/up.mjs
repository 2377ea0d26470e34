// `npx aqua up-dev` with nothing changed, against `docker compose up -d --wait` on the same files and values, in turns.
// The stack has to be up. Compose is given the services without the one-shot: its --wait fails on a container that exits.
//   npx aqua up-dev && node bench/up.mjs
import { spawnSync } from 'node:child_process'
import path from 'node:path'

const root = path.join(import.meta.dirname, '..')
const compose = (/** @type {string} */ name) => ['-f', path.join(root, 'docker', 'compose', name)]
const names = ['gateway', 'user', 'event', 'crew', 'payment', 'notification', 'media'].map(
  (short) => `backend-${short}`,
)
const cases = {
  'docker compose up -d --wait': [
    'docker',
    'compose',
    '-p',
    'aquastream-dev',
    '--env-file',
    'env/.env.dev',
    '--env-file',
    '.aqua/images.env',
    ...compose('docker-compose.yml'),
    ...compose('docker-compose.override.dev.yml'),
    'up',
    '-d',
    '--no-build',
    '--wait',
    'postgres',
    'redis',
    'minio',
    ...names,
  ],
  'npx aqua up-dev': ['npx', 'aqua', 'up-dev'],
  'aqua up-dev (no npx)': [process.execPath, 'scripts/aqua.cjs', 'up-dev'],
}
/** @type {Record<string, number[]>} */
const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]))
for (let round = 0; round < 6; round++)
  for (const [name, [program = '', ...args]] of Object.entries(cases)) {
    const started = process.hrtime.bigint()
    const { status, stderr } = spawnSync(program, args, {
      cwd: root,
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`${name} exited with ${status}: ${stderr}`)
    if (round >= 1) times[name]?.push(Number(process.hrtime.bigint() - started) / 1e9)
  }
const median = (/** @type {number[]} */ list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0
const base = median(times['docker compose up -d --wait'] ?? [])
for (const [name, list] of Object.entries(times))
  process.stdout.write(
    `${name.padEnd(28)} ${median(list).toFixed(2)} s  ${(median(list) / base).toFixed(2)} ×${name.startsWith('npx') ? ' (goal ≤ 1.3)' : ''}\n`,
  )
