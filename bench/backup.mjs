// `aqua backup` and `aqua restore` against what one would type instead, on the same database, in turns in one run.
//   npm run bench:backup -- [--size 0.732] [--rounds 5] [--only file,s3,restore]
// Needs PostgreSQL's programs, pigz, age, rclone and, for S3, Docker with the stack's S3 image. --size is GB of uncompressed dump.
import fs from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { must, startCluster } from './backup/cluster.mjs'
import { median, sizeOf, timed } from './backup/run.mjs'
import { startS3 } from './backup/s3.mjs'

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '0.732' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: 'file,s3,restore' },
  },
})
const root = path.dirname(import.meta.dirname)
const aqua = (/** @type {string[]} */ ...args) => [process.execPath, path.join(root, 'scripts', 'aqua.cjs'), ...args]
const only = new Set(values.only.split(','))
const say = (/** @type {string} */ line) => process.stdout.write(`${line}\n`)

say(`generating ${values.size} GB`)
const cluster = startCluster(Number(values.size))
const at = (/** @type {string} */ name) => path.join(cluster.folder, name)
const keys = { BACKUP_RECIPIENTS_FILE: at('recipients.txt'), BACKUP_IDENTITY_FILE: at('identity.txt') }
const env = { ...cluster.env, ...keys, BACKUP_DIR: at('sets'), OUT: at('out'), CI: 'true' }

/**
 * @typedef {object} Case
 * @property {string[]} argv
 * @property {NodeJS.ProcessEnv} [env]
 * @property {number} [goal] at most so many times the first case's seconds
 * @property {() => number} [bytes] of what it made
 * @property {() => void} [after] makes room for the next
 */

/** @param {string} title @param {Record<string, Case>} cases */
async function compare(title, cases) {
  say(`\n${title}`)
  /** @type {Record<string, { seconds: number[], peak: number[], bytes: number }>} */
  const results = Object.fromEntries(Object.keys(cases).map((name) => [name, { seconds: [], peak: [], bytes: 0 }]))
  // The first round warms the page cache and is not counted.
  for (let round = 0; round <= Number(values.rounds); round++)
    for (const [name, one] of Object.entries(cases)) {
      const { seconds, peakMiB } = await timed(one.argv, { ...env, ...one.env })
      const result = results[name]
      if (result && round > 0) {
        result.seconds.push(seconds)
        if (peakMiB !== undefined) result.peak.push(peakMiB)
        result.bytes = one.bytes?.() ?? 0
      }
      one.after?.()
    }
  const base = Object.values(results)[0]
  for (const [name, { seconds, peak, bytes }] of Object.entries(results)) {
    const ratio = median(seconds) / median(base?.seconds ?? [])
    const goal = cases[name]?.goal
    const size = bytes > 0 ? `${(bytes / 1e6).toFixed(1)} MB (${(bytes / (base?.bytes ?? 1)).toFixed(3)} ×)` : ''
    const memory =
      cases[name]?.argv[0] === process.execPath && peak.length > 0 ? `peak ${Math.max(...peak).toFixed(0)} MiB` : ''
    const time = `${median(seconds).toFixed(2)} s  ${ratio.toFixed(2)} ×${goal ? ` (goal ≤ ${goal})` : ''}`
    say(`  ${name.padEnd(44)} ${time.padEnd(32)} ${size.padEnd(24)} ${memory}`.trimEnd())
  }
}

const shell = (/** @type {string} */ script) => ['bash', '-c', `set -o pipefail; ${script}`]
const clearSets = () => fs.rmSync(at('sets'), { recursive: true, force: true })
const fresh = () => {
  clearSets()
  fs.mkdirSync(at('sets'))
}
const set = { bytes: () => sizeOf(at('sets')), after: fresh }
const out = { bytes: () => fs.statSync(at('out')).size, after: () => fs.rmSync(at('out')) }

try {
  must(aqua('backup', 'keygen', '--add', '--out', keys.BACKUP_IDENTITY_FILE), { env: { ...process.env, ...env } })
  const pipe = 'pg_dump -Fc -Z0 | pigz -6 | age -R "$BACKUP_RECIPIENTS_FILE"'
  const backup = (/** @type {string[]} */ ...more) => aqua('backup', '--encrypt', '--no-prune', ...more)
  fresh()
  if (only.has('file'))
    await compare('backup to a file', {
      'pg_dump | pigz -6 | age': { argv: shell(`${pipe} > "$OUT"`), ...out },
      'aqua backup --encrypt': { argv: backup(), goal: 0.85, ...set },
      'aqua backup --encrypt --compress zstd': { argv: backup('--compress', 'zstd'), goal: 0.55, ...set },
      'pg_dump alone (the floor)': { argv: shell('pg_dump -Fc -Z0 > /dev/null') },
    })
  if (only.has('s3')) {
    const s3 = await startS3()
    try {
      await compare('backup to S3 on loopback', {
        'pg_dump | pigz -6 | age | rclone rcat': {
          argv: shell(`${pipe} | rclone rcat M:backups/out`),
          env: s3.rclone,
          after: s3.clear,
        },
        'aqua backup --encrypt --to s3': { argv: backup('--to', 's3'), env: s3.aqua, after: s3.clear },
      })
    } finally {
      s3.stop()
    }
  }
  if (only.has('restore') && !fs.existsSync(path.join(root, 'tasks', 'restore.ts'))) say('\nno aqua restore here')
  else if (only.has('restore')) {
    must(shell(`${pipe} > "$OUT"`), { env: { ...process.env, ...env } })
    must(backup(), { env: { ...process.env, ...env } })
    const drop = () => void must(['psql', '-qXc', 'DROP DATABASE copy'], { env: { ...process.env, ...env } })
    const byHand = 'createdb copy && age -d -i "$BACKUP_IDENTITY_FILE" "$OUT" | gunzip | pg_restore -d copy'
    await compare('restore into a new database', {
      'age -d | gunzip | pg_restore': { argv: shell(byHand), after: drop },
      'aqua restore all latest --into copy': {
        argv: aqua('restore', 'all', 'latest', '--into', 'copy', '--yes', '--live'),
        after: drop,
      },
    })
  }
} finally {
  cluster.stop()
}
