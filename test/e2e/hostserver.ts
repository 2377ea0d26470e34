import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { start } from './stack.ts'

/** A PostgreSQL server outside of Docker, as DATABASE_URL reaches it: over TCP and by password alone. */
export interface HostServer {
  url: string
  password: string
  sql(sql: string, database?: string): Promise<string>
  stop(): void
}

/** Debian's folder of server programs, as new as this machine's pg_dump and no newer. */
async function programs(): Promise<string | undefined> {
  const client = Number(/(\d+)/.exec((await start(['sh', '-c', 'pg_dump --version']).ended).stdout)?.[1] ?? 0)
  const folders = Array.from({ length: 10 }, (_, back) => `/usr/lib/postgresql/${client - back}/bin`)
  return folders.find((folder) => fs.existsSync(path.join(folder, 'initdb')))
}

/** Undefined where this machine has no server programs that its own pg_dump can dump. */
export async function startHostServer(): Promise<HostServer | undefined> {
  const bin = await programs()
  if (!bin) return undefined
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-e2e-host-'))
  fs.chmodSync(folder, 0o777)
  const password = randomBytes(12).toString('hex')
  const file = path.join(folder, 'password')
  fs.writeFileSync(file, password, { mode: 0o644 })
  const data = path.join(folder, 'data')
  // PostgreSQL refuses to run as root.
  const asServer = process.getuid?.() === 0 ? ['runuser', '-u', 'postgres', '--'] : []
  const run = (name: string, ...args: string[]) => {
    const [program = '', ...rest] = [...asServer, path.join(bin, name), ...args]
    execFileSync(program, rest, { stdio: 'ignore' })
  }
  const port = await freePort()
  const options = `-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -p ${port}`
  const stop = () => {
    try {
      run('pg_ctl', '-D', data, '-m', 'immediate', 'stop')
    } finally {
      fs.rmSync(folder, { recursive: true, force: true })
    }
  }
  run('initdb', '-D', data, '-U', 'aquastream', '-A', 'scram-sha-256', `--pwfile=${file}`, '-E', 'UTF8', '--no-sync')
  try {
    run('pg_ctl', '-D', data, '-w', '-l', path.join(folder, 'log'), '-o', options, 'start')
    const sql = async (text: string, database = 'aquastream') => {
      const env = { PGHOST: '127.0.0.1', PGPORT: String(port), PGUSER: 'aquastream', PGPASSWORD: password }
      const argv = ['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', database, '-c', text]
      const ran = await start(argv, { env }).ended
      if (ran.code !== 0) throw new Error(`psql: ${ran.stderr}`)
      return ran.stdout.trim()
    }
    await sql('CREATE DATABASE aquastream', 'postgres')
    return { url: `postgres://aquastream:${password}@127.0.0.1:${port}/aquastream`, password, sql, stop }
  } catch (error) {
    stop()
    throw error
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
