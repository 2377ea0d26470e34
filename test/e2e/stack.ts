import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import type { Container as Inspected } from '../../docker/inspect.ts'
import type { Envelope } from '../../scripts/run.ts'

declare const __ROOT__: string
/** This project's folder; the guard puts it in. */
export const root: string = __ROOT__

export const project = 'aqua-e2e'
export const stageProject = 'aqua-e2e-stage'
/** Images under a name of their own: another stack on this machine keeps its own. */
export const imagePrefix = 'aqua-e2e/'
export const program = process.env.AQUA_DOCKER || 'docker'

/** Every process that a test starts carries it, and so does all that those start. */
const mark = `AQUA_E2E_RUN=${process.pid}-${Date.now()}`

const ports = {
  GATEWAY_PORT: '18080',
  USER_PORT: '18101',
  EVENT_PORT: '18102',
  CREW_PORT: '18103',
  PAYMENT_PORT: '18104',
  NOTIFICATION_PORT: '18105',
  MEDIA_PORT: '18106',
  POSTGRES_PORT: '15432',
  REDIS_PORT: '16379',
  MINIO_PORT: '19000',
  MINIO_CONSOLE_PORT: '19001',
}

export type Env = Readonly<Record<string, string>>

function environment(more: Env): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, CI: 'true', NO_COLOR: '1' }
  // What fails on purpose is not to be an annotation or a job summary.
  for (const name of ['GITHUB_ACTIONS', 'GITHUB_STEP_SUMMARY', 'AQUA_TEST_REPORT', 'AQUA_WORKSPACE', 'MAKEFLAGS'])
    delete env[name]
  const [name = '', value] = mark.split('=')
  return { ...env, COMPOSE_PROJECT_NAME: project, IMAGE_PREFIX: imagePrefix, ...ports, [name]: value, ...more }
}

export interface Ran {
  code: number | null
  stdout: string
  stderr: string
  seconds: number
}

export interface Started {
  child: ChildProcess
  pid: number
  ended: Promise<Ran>
  /** What it has printed so far. */
  sofar(): Ran
}

export interface StartOptions {
  env?: Env
  /** Pass the output on to the test's own, so that a log shows progress. */
  live?: boolean
  input?: string
  /** Written to standard input, which then stays open. */
  hold?: Buffer
  cwd?: string
}

/** Start any program with the environment of the tests. */
export function start(argv: readonly string[], options: StartOptions = {}): Started {
  const [file = '', ...args] = argv
  const began = performance.now()
  const child = spawn(file, args, {
    cwd: options.cwd ?? root,
    env: environment(options.env ?? {}),
    stdio: [options.input === undefined && !options.hold ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  if (options.hold) child.stdin?.on('error', () => {}).write(options.hold)
  else child.stdin?.end(options.input)
  const ran: Ran = { code: null, stdout: '', stderr: '', seconds: 0 }
  const keep = (name: 'stdout' | 'stderr') => (data: Buffer) => {
    ran[name] += data
    if (options.live) process.stdout.write(data)
  }
  child.stdout?.on('data', keep('stdout'))
  child.stderr?.on('data', keep('stderr'))
  const ended = new Promise<Ran>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ ...ran, code, seconds: (performance.now() - began) / 1000 }))
  })
  return { child, pid: child.pid ?? -1, ended, sofar: () => ran }
}

export function startAqua(argv: readonly string[], options: StartOptions = {}): Started {
  return start([process.execPath, path.join(root, 'scripts', 'aqua.cjs'), ...argv], options)
}

/** Run the bin to its end. Another exit code than the expected one fails with all that was printed. */
export async function aqua(argv: readonly string[], expected: number, options: StartOptions = {}): Promise<Ran> {
  return expectCode(`aqua ${argv.join(' ')}`, await startAqua(argv, options).ended, expected)
}

export function expectCode(what: string, ran: Ran, expected: number): Ran {
  if (ran.code !== expected)
    throw new Error(
      `${what}: exit ${ran.code} instead of ${expected}\n${ran.stdout.slice(-8000)}\n${ran.stderr.slice(-8000)}`,
    )
  return ran
}

/** What is on stdout under `--json`: one envelope and nothing beside it, or it does not parse. */
export function envelope(ran: Ran): Envelope {
  return JSON.parse(ran.stdout) as Envelope
}

export async function json(argv: readonly string[], expected: number, options: StartOptions = {}): Promise<Envelope> {
  const answer = envelope(await aqua([...argv, '--json'], expected, options))
  if (answer.ok !== (expected === 0)) throw new Error(`ok is ${answer.ok} with exit ${expected}`)
  return answer
}

/** The error of a run that is to fail. */
export async function refusal(argv: readonly string[], expected: number, options: StartOptions = {}) {
  const { error } = await json(argv, expected, options)
  if (!error) throw new Error('the envelope has no error')
  if (error.exitCode !== expected) throw new Error(`exitCode ${error.exitCode} in the envelope, ${expected} in truth`)
  return error
}

/** Docker itself, as somebody who does not trust aqua would ask it. */
export async function docker(...args: string[]): Promise<string> {
  return dockerWith({}, ...args)
}

export async function dockerWith(options: StartOptions, ...args: string[]): Promise<string> {
  const ran = await start([program, ...args], options).ended
  return expectCode(`docker ${args.join(' ')}`, ran, 0).stdout.trim()
}

export interface Container extends Inspected {
  HostConfig: {
    ReadonlyRootfs: boolean
    CapAdd: string[] | null
    CapDrop: string[] | null
    SecurityOpt: string[] | null
    Privileged: boolean
    PidsLimit: number | null
    Memory: number
    NanoCpus: number
    Ulimits: { Name: string; Hard: number; Soft: number }[] | null
    LogConfig: { Type: string; Config: Record<string, string> }
    RestartPolicy: { Name: string }
    PortBindings: Record<string, { HostIp: string; HostPort: string }[]> | null
  }
}

const byProject = (name: string) => ['--filter', `label=com.docker.compose.project=${name}`]

/** By compose service. */
export async function containers(name = project): Promise<Map<string, Container>> {
  const ids = (await docker('ps', '-aq', '--no-trunc', ...byProject(name))).split('\n').filter(Boolean)
  if (ids.length === 0) return new Map()
  // One that was replaced between the two calls makes docker exit 1 and still print the others.
  const { stdout } = await start([program, 'inspect', '--type', 'container', ...ids]).ended
  const found = JSON.parse(stdout) as Container[]
  return new Map(found.map((one) => [one.Config.Labels['com.docker.compose.service'] ?? one.Name, one]))
}

export async function container(service: string, name = project): Promise<Container> {
  const found = (await containers(name)).get(service)
  if (!found) throw new Error(`${service} has no container`)
  return found
}

/** Which containers there are and since when they run: equal means that nobody touched them. */
export async function running(name = project): Promise<string> {
  const all = [...(await containers(name))].map(([service, { Id, State }]) => `${service} ${Id} ${State.StartedAt}`)
  return all.sort().join('\n')
}

export async function volumes(name = project): Promise<string[]> {
  return (await docker('volume', 'ls', '-q', '--filter', `name=^${name}_`)).split('\n').filter(Boolean).sort()
}

/** Everything that carries the project's name. */
export async function leftovers(name: string): Promise<string[]> {
  return [
    ...(await docker('ps', '-aq', ...byProject(name))).split('\n'),
    ...(await docker('network', 'ls', '-q', ...byProject(name))).split('\n'),
    ...(await volumes(name)),
  ].filter(Boolean)
}

/** What an earlier run, ended half-way, left behind. */
export async function sweep(name: string): Promise<void> {
  const { code } = await start([program, 'version']).ended.catch(() => ({ code: 127 }))
  if (code !== 0) return
  const ids = (await docker('ps', '-aq', ...byProject(name))).split('\n').filter(Boolean)
  if (ids.length > 0) await docker('rm', '-f', '-v', ...ids)
  const networks = (await docker('network', 'ls', '-q', ...byProject(name))).split('\n').filter(Boolean)
  if (networks.length > 0) await docker('network', 'rm', ...networks)
  const own = await volumes(name)
  if (own.length > 0) await docker('volume', 'rm', ...own)
}

/** In a container, by its own shell, as its own user. */
export async function inside(service: string, script: string, name = project): Promise<string> {
  return docker('exec', (await container(service, name)).Id, 'sh', '-c', script)
}

/** A query through the task; its rows as psql prints them unaligned. */
export async function query(sql: string): Promise<string> {
  return (await aqua(['psql', '--', '-At', '-c', sql], 0)).stdout.trim()
}

/** The value of a variable as the container was given it. */
export function valueIn(found: Container, name: string): string | undefined {
  return found.Config.Env?.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1)
}

/** Processes with our mark in their environment, besides this one. */
export function descendants(): { pid: number; command: string }[] {
  return fs.readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) return []
    try {
      if (!fs.readFileSync(`/proc/${entry}/environ`, 'utf8').split('\0').includes(mark)) return []
      const command = fs.readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ')
      // The engine that quickstart started on a bare machine is meant to stay.
      return command === '' || /^\S*(dockerd|containerd|docker-proxy)/.test(command)
        ? []
        : [{ pid: Number(entry), command }]
    } catch {
      return []
    }
  })
}

export async function eventually(what: string, check: () => Promise<boolean> | boolean, seconds = 60): Promise<void> {
  const end = performance.now() + seconds * 1000
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`not so after ${seconds} s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** Whether something accepts connections there. */
export function answers(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host, timeout: 2000 })
    const end = (yes: boolean) => {
      socket.destroy()
      resolve(yes)
    }
    socket.once('connect', () => end(true)).once('error', () => end(false))
    socket.once('timeout', () => end(false))
  })
}

/** A file that has its old bytes again, or is gone again, after `restore`. */
export function guarded(file: string): { restore(): void } {
  const before = fs.existsSync(file) ? fs.readFileSync(file) : undefined
  return {
    restore() {
      if (before === undefined) fs.rmSync(file, { force: true })
      else if (!fs.existsSync(file) || !fs.readFileSync(file).equals(before)) fs.writeFileSync(file, before)
    },
  }
}
