import fs from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { notify, type Outcome, pingStart } from '../../backup/notify.ts'
import { historyOf, type Reached, reportOutcome } from '../../backup/report.ts'
import { loadEnv } from '../../env/load.ts'
import type { Io } from '../../scripts/step.ts'

interface Call {
  method: string
  url: string
  type: string
  body: string
}

let root = ''
let calls: Call[] = []
let answer: (response: http.ServerResponse) => void = (response) => response.end('OK')
const server = http.createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (text) => {
    body += text
  })
  request.on('end', () => {
    const { method = '', url = '', headers } = request
    calls.push({ method, url, type: headers['content-type'] ?? '', body })
    answer(response)
  })
})
let base = ''
test.before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
test.after(() => {
  server.closeAllConnections()
  server.close()
})
test.before.each(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-report-'))
  calls = []
  answer = (response) => response.end('OK')
})
test.after.each(() => fs.rmSync(root, { recursive: true, force: true }))

const token = '123456789:AAHtokentokentokentokentokentokento'
const ctxOf = (now = '2026-11-23T02:17:30Z') => ({ root, stateDir: path.join(root, '.aqua'), now: () => new Date(now) })
const loadedWith = (env: Record<string, string>) =>
  loadEnv({ root, env, platform: 'linux' }, 'dev', { fileOptional: true })
const everything = () => ({
  TELEGRAM_BOT_TOKEN: token,
  BACKUP_TELEGRAM_CHAT: '-100123',
  BACKUP_WEBHOOK_URL: `${base}/hook/s3cret-path`,
  BACKUP_PING_URL: `${base}/ping/0a1b2c3d-uuid/`,
})

function listener() {
  const warnings: string[] = []
  const io = { out: { warn: (text: string) => warnings.push(text) } as unknown as Io['out'] }
  return { io, warnings }
}
const failed: Outcome = { task: 'backup', ok: false, recovered: false, seconds: 3, error: 'the disk is full' }
const told = () => calls.map(({ url }) => url).sort()

test('a failure reaches Telegram, the webhook and /fail; what each of them gets', async () => {
  const { io, warnings } = listener()
  await notify(io, ctxOf(), await loadedWith(everything()), failed, { telegram: base })
  assert.equal(told(), [`/bot${token}/sendMessage`, '/hook/s3cret-path', '/ping/0a1b2c3d-uuid/fail'])
  assert.ok(calls.every(({ method }) => method === 'POST'))
  const of = (part: string) => calls.find(({ url }) => url.includes(part)) as Call
  const telegram = JSON.parse(of('sendMessage').body)
  assert.equal(telegram, {
    chat_id: '-100123',
    text: `aqua backup of dev on ${os.hostname()} failed: the disk is full`,
  })
  const { environment, ok, error, at, host } = JSON.parse(of('hook').body)
  assert.equal(
    [environment, ok, error, at, host],
    ['dev', false, 'the disk is full', '2026-11-23T02:17:30.000Z', os.hostname()],
  )
  assert.is(of('hook').type, 'application/json')
  assert.equal(warnings, [])
})

test('a success is a ping and nothing else; the start too; without addresses nobody is called', async () => {
  const { io } = listener()
  const loaded = await loadedWith(everything())
  await pingStart(io, loaded)
  await notify(io, ctxOf(), loaded, { task: 'backup', ok: true, recovered: false, seconds: 3 }, { telegram: base })
  assert.equal(told(), ['/ping/0a1b2c3d-uuid', '/ping/0a1b2c3d-uuid/start'])
  calls = []
  await pingStart(io, await loadedWith({}))
  await notify(io, ctxOf(), await loadedWith({}), failed, { telegram: base })
  assert.equal(calls, [])
})

test('a channel that refuses, hangs, is gone or has no token is one warning without its address', async () => {
  const { io, warnings } = listener()
  const loaded = await loadedWith(everything())
  answer = (response) => {
    response.statusCode = 401
    response.end(`no such bot ${token}`)
  }
  await notify(io, ctxOf(), loaded, failed, { telegram: base })
  assert.is(warnings.length, 3)
  assert.ok(warnings.every((text) => text.endsWith('it answered 401')))
  answer = () => {}
  const started = Date.now()
  await notify(io, ctxOf(), loaded, failed, { telegram: base, timeoutMs: 300 })
  assert.ok(Date.now() - started < 5000)
  assert.is(warnings.length, 6)
  assert.match(warnings[5] ?? '', 'no answer within 0.3 s')
  const gone = {
    ...everything(),
    BACKUP_WEBHOOK_URL: 'http://127.0.0.1:1/hook/s3cret-path',
    BACKUP_PING_URL: 'not a url/0a1b2c3d-uuid',
  }
  await notify(io, ctxOf(), await loadedWith({ ...gone, TELEGRAM_BOT_TOKEN: '' }), failed, { telegram: base })
  assert.is(warnings.length, 9)
  assert.match(warnings.join('\n'), 'TELEGRAM_BOT_TOKEN is not')
  for (const secret of [token, 's3cret-path', '0a1b2c3d', '127.0.0.1']) assert.not.match(warnings.join('\n'), secret)
})

test('no secret of the stage leaves in a message', async () => {
  const { io } = listener()
  const env = { ...everything(), POSTGRES_PASSWORD: 'hunter2-hunter2', BACKUP_S3_SECRET_KEY: 's3-very-secret' }
  const error = 'psql: postgres://aquastream:hunter2-hunter2@db and s3-very-secret'
  await notify(io, ctxOf(), await loadedWith(env), { ...failed, error }, { telegram: base })
  const bodies = calls.map(({ body }) => body).join('\n')
  assert.match(bodies, '[redacted]')
  assert.not.match(bodies, 'hunter2')
  assert.not.match(bodies, 's3-very')
})

const reached = (...reasons: string[]): Reached => ({
  kind: 'local',
  decisions: reasons.map((reason) => ({ set: {} as never, keep: !reason.startsWith('removed'), reason })),
})

/** name{labels} → value; throws for what is not Prometheus's text format. */
function parseMetrics(text: string): Map<string, number> {
  const found = new Map<string, number>()
  const typed = new Set<string>()
  assert.ok(text.endsWith('\n'))
  for (const line of text.trimEnd().split('\n')) {
    const [, kind, named = ''] = /^# (HELP|TYPE) ([a-z_]+) (?:gauge$|[A-Z].*\.$)/.exec(line) ?? []
    if (kind === 'TYPE') {
      assert.not.ok(typed.has(named), `${named} is declared once`)
      typed.add(named)
    }
    if (kind) continue
    const [, name = '', labels = '', value] =
      /^([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\} (-?\d+(?:\.\d+)?)$/.exec(line) ?? []
    assert.ok(value !== undefined && typed.has(name), line)
    assert.not.ok(found.has(`${name}{${labels}}`), `${line} is there once`)
    found.set(`${name}{${labels}}`, Number(value))
  }
  return found
}

test('recovery is told once; history and metrics say what was', async () => {
  const { io, warnings } = listener()
  const textfile = path.join(root, 'metrics', 'aqua.prom')
  fs.mkdirSync(path.dirname(textfile))
  const { BACKUP_WEBHOOK_URL } = everything()
  const loaded = await loadedWith({ BACKUP_WEBHOOK_URL, BACKUP_TEXTFILE: 'metrics/aqua.prom' })
  const run = (at: string, outcome: Partial<Parameters<typeof reportOutcome>[3]>) =>
    reportOutcome(io, ctxOf(at), loaded, { task: 'backup', ok: true, seconds: 12.5, ...outcome })
  await run('2026-11-20T02:17:30Z', {
    bytes: 1000,
    stores: [reached('daily-1,weekly-1', 'daily-2', 'weekly-10', 'label x', 'removed: beyond daily=2')],
  })
  assert.equal(calls, [], 'a first success is no recovery')
  await run('2026-11-21T02:17:30Z', { ok: false, error: 'no', bytes: 7, stores: [reached('daily-1')] })
  await run('2026-11-22T02:17:30Z', { ok: false, error: 'no' })
  assert.is(calls.length, 2)
  await run('2026-11-22T12:00:00Z', { task: 'backup drill' })
  assert.is(calls.length, 2, 'a drill that succeeds is no recovery of the backup')
  const { mode } = fs.statSync(textfile)
  assert.is(mode & 0o777, 0o644, 'the exporter is another user')
  const metrics = parseMetrics(fs.readFileSync(textfile, 'utf8'))
  const of = (name: string, labels = 'environment="dev"') => metrics.get(`aqua_backup_${name}{${labels}}`)
  const store = 'environment="dev",store="local"'
  const seconds = (at: string) => Date.parse(at) / 1000
  assert.is(of('last_success_timestamp_seconds', store), seconds('2026-11-20T02:17:30Z'))
  assert.is(of('last_success_size_bytes', store), 1000)
  assert.is(of('last_success_duration_seconds', store), 12.5)
  assert.equal(
    ['daily', 'weekly', 'monthly'].map((tier) => of('sets', `${store},tier="${tier}"`)),
    [2, 2, 0],
  )
  assert.is(of('last_run_ok'), 0)
  assert.is(of('last_run_timestamp_seconds'), seconds('2026-11-22T02:17:30Z'))
  assert.equal([of('drill_ok'), of('drill_timestamp_seconds')], [1, seconds('2026-11-22T12:00:00Z')])
  await run('2026-11-23T02:17:30Z', { set: '20261123T021700Z', bytes: 1100, stores: [reached('daily-1')] })
  assert.is(calls.length, 3)
  assert.equal(JSON.parse(calls[2]?.body ?? '').recovered, true)
  await run('2026-11-24T02:17:30Z', { stores: [{ kind: 'local', decisions: undefined }] })
  const later = parseMetrics(fs.readFileSync(textfile, 'utf8'))
  assert.is(later.get(`aqua_backup_sets{${store},tier="daily"}`), 1, 'a run without pruning counts nothing anew')
  assert.is(calls.length, 3)
  assert.equal((await historyOf(ctxOf(), 'dev'))?.runs.backup, {
    ok: true,
    at: '2026-11-24T02:17:30.000Z',
    seconds: 12.5,
  })
  assert.equal(fs.readdirSync(path.dirname(textfile)), ['aqua.prom'], 'nothing is left beside it')
  assert.equal(warnings, [])
})

test('a state or a textfile that cannot be written is a warning', async () => {
  const { io, warnings } = listener()
  fs.writeFileSync(path.join(root, '.aqua'), 'a file where the folder should be')
  const loaded = await loadedWith({ BACKUP_TEXTFILE: path.join(root, 'absent', 'aqua.prom') })
  await reportOutcome(io, ctxOf(), loaded, { task: 'backup', ok: true, seconds: 1 })
  assert.ok(warnings.length >= 2)
  assert.match(warnings.join('\n'), 'the metrics cannot be written')
  assert.match(warnings.join('\n'), 'the outcome cannot be recorded')
})

test.run()
