// A PostgreSQL of the bench's own: this machine's programs, a socket in a temporary folder, generated data.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const schemas = ['user', 'event', 'crew', 'payment', 'notification', 'media']
/** Bytes of a row in the uncompressed dump, by measure. */
const rowBytes = 279

/** PostgreSQL refuses to run as root. @param {readonly string[]} argv */
function asServer(argv) {
  return process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--', ...argv] : [...argv]
}

/** @param {readonly string[]} argv @param {{ input?: string, env?: NodeJS.ProcessEnv }} [options] */
export function must(argv, options = {}) {
  const [program = '', ...args] = argv
  const ran = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 26, ...options })
  if (ran.status !== 0) throw new Error(`${argv.join(' ')}: ${ran.error ?? ran.stderr}`)
  return ran.stdout.trim()
}

/** Where the server's programs are: `pg_config`, else Debian's folder of the newest version. */
function binaries() {
  const debian = '/usr/lib/postgresql'
  const versions = fs.existsSync(debian) ? fs.readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...versions.map((version) => path.join(debian, version, 'bin'))]
  const found = folders.find((folder) => fs.existsSync(path.join(folder, 'initdb')))
  return found ?? must(['pg_config', '--bindir'])
}

/**
 * @param {number} gigabytes of the uncompressed dump
 * @returns {{ folder: string, env: Record<string, string>, stop(): void }}
 */
export function startCluster(gigabytes) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-bench-'))
  fs.chmodSync(folder, 0o777)
  const data = path.join(folder, 'pg')
  const bin = binaries()
  const env = { PGHOST: folder, PGPORT: '54329', PGUSER: 'postgres', PGDATABASE: 'aquastream' }
  must(asServer([path.join(bin, 'initdb'), '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync']))
  const settings = `-c listen_addresses= -c unix_socket_directories=${folder} -p ${env.PGPORT} -c fsync=off -c wal_level=minimal -c max_wal_senders=0`
  const control = (/** @type {string[]} */ ...args) =>
    must(asServer([path.join(bin, 'pg_ctl'), '-D', data, '-w', '-l', path.join(folder, 'log'), ...args]))
  control('-o', settings, 'start')
  const stop = () => {
    control('-m', 'immediate', 'stop')
    fs.rmSync(folder, { recursive: true, force: true })
  }
  try {
    const asPostgres = { env: { ...process.env, ...env } }
    must(['psql', '-qXd', 'postgres', '-c', 'CREATE DATABASE aquastream'], asPostgres)
    must(['psql', '-qX', '-v', 'ON_ERROR_STOP=1'], { ...asPostgres, input: generate(gigabytes) })
  } catch (error) {
    stop()
    throw error
  }
  return { folder, env, stop }
}

/**
 * Rows that compress as those of a real database did: about 5 : 1 by pigz -6 and 7 : 1 by zstd -3. The tokens come round within
 * zstd's window and beyond gzip's. @param {number} gigabytes
 */
function generate(gigabytes) {
  const rows = Math.round((gigabytes * 1e9) / rowBytes / schemas.length)
  const table = (/** @type {string} */ schema) => `CREATE SCHEMA "${schema}";
CREATE TABLE "${schema}".bookings AS SELECT n AS id, (random() * 200000)::int AS account,
  'user' || (random() * 200000)::int || '@example.org' AS email,
  (ARRAY['created', 'confirmed', 'paid', 'cancelled', 'refunded'])[1 + (random() * 4)::int] AS status,
  round((random() * 90000)::numeric, 2) AS amount, timestamptz '2025-01-01' + n * interval '17 seconds' AS made,
  'Booking of a seat in crew ' || (n % 311) || ' for the trip on the river at ' || (n % 24)
    || ':00, paid by card; receipt sent to the address of the account' AS note, md5((n % 3001)::text) AS token,
  jsonb_build_object('source', (ARRAY['web', 'telegram', 'app'])[1 + n % 3], 'seat', n % 8, 'coach', n % 57) AS extra
  FROM generate_series(1, ${rows}) n;
ALTER TABLE "${schema}".bookings ADD PRIMARY KEY (id);`
  return `SELECT setseed(0.42);\n${schemas.map(table).join('\n')}\nVACUUM ANALYZE;`
}
