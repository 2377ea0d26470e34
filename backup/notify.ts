import os from 'node:os'
import { type Loaded, plain } from '../env/load.ts'
import type { Context } from '../scripts/context.ts'
import { Redactor, Secret } from '../scripts/secret.ts'
import type { Io } from '../scripts/step.ts'

/** How a run of a backup or a drill ended. */
export interface Outcome {
  /** `backup`, `backup drill` */
  task: string
  ok: boolean
  /** The run before this one failed. */
  recovered: boolean
  seconds: number
  set?: string
  /** In the store. */
  bytes?: number
  error?: string
}

interface Options {
  /** Replaced in tests, where Telegram cannot be reached. */
  telegram?: string
  timeoutMs?: number
}

/**
 * Tell those who want to know: failures and recoveries to Telegram and the webhook, every end to the ping address. Never
 * throws and never takes longer than the timeout: a channel that fails is a warning, the outcome stays what it was.
 */
export async function notify(
  io: Pick<Io, 'out'>,
  ctx: Pick<Context, 'now'>,
  loaded: Loaded,
  outcome: Outcome,
  { telegram = 'https://api.telegram.org', timeoutMs = 10_000 }: Options = {},
): Promise<void> {
  const value = (name: string) => plain(loaded, name) || undefined
  const said = cleaned(loaded, outcome)
  const text = sentence(loaded.stage, said)
  const calls: Promise<void>[] = []
  const call = (channel: string, url: string, path: string, body: unknown) =>
    calls.push(post(io, channel, url, path, body, timeoutMs))
  if (!outcome.ok || outcome.recovered) {
    const chat = value('BACKUP_TELEGRAM_CHAT')
    const token = value('TELEGRAM_BOT_TOKEN')
    if (chat && token) call('Telegram', telegram, `/bot${token}/sendMessage`, { chat_id: chat, text })
    else if (chat) io.out.warn('BACKUP_TELEGRAM_CHAT is set and TELEGRAM_BOT_TOKEN is not: Telegram was not told')
    const webhook = value('BACKUP_WEBHOOK_URL')
    const at = ctx.now().toISOString()
    if (webhook) call('the webhook', webhook, '', { text, environment: loaded.stage, host: os.hostname(), at, ...said })
  }
  const ping = value('BACKUP_PING_URL')
  if (ping) call('the ping address', ping, outcome.ok ? '' : '/fail', text)
  await Promise.all(calls)
}

/** The ping that says a run has begun. */
export async function pingStart(
  io: Pick<Io, 'out'>,
  loaded: Loaded,
  { timeoutMs = 10_000 }: Pick<Options, 'timeoutMs'> = {},
): Promise<void> {
  const ping = plain(loaded, 'BACKUP_PING_URL')
  if (ping) await post(io, 'the ping address', ping, '/start', '', timeoutMs)
}

/** An error may quote what a program printed: no secret of the stage leaves in a message. */
function cleaned(loaded: Loaded, outcome: Outcome): Outcome {
  const redactor = new Redactor()
  for (const { value } of loaded.values.values()) if (value instanceof Secret) redactor.add(value)
  return outcome.error === undefined ? outcome : { ...outcome, error: redactor.clean(outcome.error) }
}

function sentence(stage: string, { task, ok, set, seconds, error }: Outcome): string {
  const where = `${stage} on ${os.hostname()}`
  if (!ok) return `aqua ${task} of ${where} failed: ${error ?? 'no reason was given'}`
  return `aqua ${task} of ${where} is fine again${set ? `: ${set}` : ''}, after ${Math.round(seconds)} s`
}

/** The address is a secret (a token, a path that nobody guesses): warnings name the channel and nothing of it. */
async function post(
  io: Pick<Io, 'out'>,
  channel: string,
  url: string,
  path: string,
  body: unknown,
  timeoutMs: number,
): Promise<void> {
  const warn = (why: string) => io.out.warn(`${channel} was not told: ${why}`)
  try {
    const target = new URL(url)
    target.pathname = target.pathname.replace(/\/+$/, '') + path
    const json = typeof body !== 'string'
    const response = await fetch(target, {
      method: 'POST',
      headers: { 'content-type': json ? 'application/json' : 'text/plain; charset=utf-8' },
      body: json ? JSON.stringify(body) : body,
      signal: AbortSignal.timeout(timeoutMs),
    })
    await response.body?.cancel()
    if (!response.ok) warn(`it answered ${response.status}`)
  } catch (error) {
    warn(reason(error, timeoutMs))
  }
}

function reason(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return 'no answer'
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`
  const { cause } = error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return code || 'it cannot be reached'
}
