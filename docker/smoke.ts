import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import type { ActStep, Io } from '../scripts/step.ts'
import { table } from '../scripts/table.ts'
import type { Stack } from './engine.ts'
import { type Container, containersOf, serviceOf } from './inspect.ts'
import { type Service, services } from './services.ts'
import type { Workspace } from './workspace.ts'

/** One request of a workspace's `smoke.json`. `{name}` in path and body is replaced by what earlier answers saved. */
export interface SmokeStep {
  title: string
  method: string
  path: string
  headers?: Record<string, string>
  body?: unknown
  expect: number
  /** Name → field of the JSON answer. */
  save?: Record<string, string>
  match?: Record<string, unknown>
  bodyEquals?: string
}

interface Row extends Record<string, string> {
  check: string
  result: string
  ms: string
}

const requestTimeoutMs = 10_000

/** Every service by its readiness, then real requests through the gateway. Fails with exit 4 and a table. */
export function smokeStep(ctx: Context, stack: Stack, workspace: Workspace | undefined): ActStep {
  const scenario = workspace && path.join(workspace.root, 'smoke.json')
  return {
    title: 'smoke',
    effect: 'write',
    would: [
      'GET /actuator/health/readiness of every service',
      `requests through the gateway (${scenario && fs.existsSync(scenario) ? scenario : 'from the catalogue'})`,
    ],
    async act(io) {
      const containers = new Map(
        (await containersOf(io, stack.docker, stack.project)).map((container) => [serviceOf(container), container]),
      )
      if (containers.size === 0)
        throw new AquaError('NOT_RUNNING', `nothing runs as ${stack.project}`, {
          exit: 'unhealthy',
          hint: `aqua up ${stack.stage}`,
        })
      const rows = await Promise.all(
        services.map((service) => readiness(io, stack.docker, service, containers.get(service.name))),
      )
      const gateway = address(containers.get('backend-gateway'), 8080)
      if (gateway) rows.push(...(await requests(io, gateway, readScenario(scenario), ctx.now())))
      else
        rows.push({
          check: 'requests through the gateway',
          result: 'failed: the gateway publishes no port here',
          ms: '',
        })
      for (const line of table(rows)) io.out.print(line)
      io.result({ checks: rows })
      const failed = rows.filter((row) => row.result !== 'ok')
      io.done(`smoke: ${rows.length - failed.length} of ${rows.length} checks passed`)
      if (failed.length > 0)
        throw new AquaError('SMOKE', `${failed.length} of ${rows.length} checks failed: ${failed[0]?.check}`, {
          exit: 'unhealthy',
          details: failed.map((row) => `${row.check}: ${row.result}`),
          hint: 'aqua ps shows the containers, aqua logs --since 5m --grep ERROR what they say',
        })
    },
  }
}

function readScenario(file: string | undefined): SmokeStep[] {
  if (file && fs.existsSync(file)) return JSON.parse(fs.readFileSync(file, 'utf8')) as SmokeStep[]
  return services.flatMap((service) => service.requests)
}

/** Where a container's port is published on this machine. */
function address(container: Container | undefined, port: number): string | undefined {
  const bound = container?.NetworkSettings.Ports?.[`${port}/tcp`]?.[0]
  if (!bound) return undefined
  const host = bound.HostIp === '' || bound.HostIp === '0.0.0.0' || bound.HostIp === '::' ? '127.0.0.1' : bound.HostIp
  return `http://${host}:${bound.HostPort}`
}

/** Over its published port where it has one, as a developer reaches it; else by the probe inside the container. */
async function readiness(io: Io, docker: string, service: Service, container: Container | undefined): Promise<Row> {
  const check = `${service.name} is ready`
  if (!container) return { check, result: 'failed: no container', ms: '' }
  const started = performance.now()
  const published = address(container, service.port)
  let result: string
  if (published) {
    result = await fetch(`${published}/actuator/health/readiness`, {
      signal: AbortSignal.any([io.signal, AbortSignal.timeout(requestTimeoutMs)]),
    }).then(
      async (response) => (response.ok ? 'ok' : `failed: ${response.status} ${(await response.text()).slice(0, 200)}`),
      (error: unknown) => `failed: ${reason(error)}`,
    )
  } else {
    const probe = await io.probe([docker, 'exec', container.Id, '/usr/local/bin/healthcheck'], {
      timeoutMs: requestTimeoutMs,
    })
    result = probe.code === 0 ? 'ok' : `failed: ${(probe.stdout || probe.stderr).trim().slice(0, 200)}`
  }
  return { check, result, ms: Math.round(performance.now() - started).toString() }
}

async function requests(io: Io, gateway: string, steps: readonly SmokeStep[], now: Date): Promise<Row[]> {
  const saved: Record<string, string> = { unique: `${now.getTime().toString(36)}${randomBytes(3).toString('hex')}` }
  const rows: Row[] = []
  for (const step of steps) {
    const started = performance.now()
    const result = await request(io, gateway, step, saved).catch((error: unknown) => `failed: ${reason(error)}`)
    rows.push({ check: step.title, result, ms: Math.round(performance.now() - started).toString() })
    // What follows uses what this one should have made.
    if (result !== 'ok') break
  }
  return rows
}

function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error && error.cause.message ? error.cause.message : error.message
}

async function request(io: Io, gateway: string, step: SmokeStep, saved: Record<string, string>): Promise<string> {
  const fill = (text: string) => text.replace(/\{(\w+)\}/g, (all, name: string) => saved[name] ?? all)
  const json = step.body !== undefined && typeof step.body !== 'string'
  const body = step.body === undefined ? undefined : fill(json ? JSON.stringify(step.body) : String(step.body))
  const headers = Object.fromEntries(Object.entries(step.headers ?? {}).map(([name, value]) => [name, fill(value)]))
  const response = await fetch(gateway + fill(step.path), {
    method: step.method,
    headers: { ...(json ? { 'content-type': 'application/json' } : {}), ...headers },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.any([io.signal, AbortSignal.timeout(requestTimeoutMs)]),
  })
  const text = await response.text()
  if (response.status !== step.expect)
    return `failed: ${response.status} instead of ${step.expect}: ${text.slice(0, 200)}`
  if (step.bodyEquals !== undefined && text !== fill(step.bodyEquals)) return 'failed: another body came back'
  if (!step.save && !step.match) return 'ok'
  const answer = JSON.parse(text) as Record<string, unknown>
  for (const [field, value] of Object.entries(step.match ?? {}))
    if (String(answer[field]) !== fill(String(value))) return `failed: ${field} is ${JSON.stringify(answer[field])}`
  for (const [name, field] of Object.entries(step.save ?? {})) {
    if (answer[field] === undefined) return `failed: the answer has no ${field}`
    saved[name] = String(answer[field])
  }
  return 'ok'
}
