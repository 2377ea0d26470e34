import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { services } from '../../docker/services.ts'
import { checkEnv, type Finding, refuseBadEnv } from '../../env/check.ts'
import { envInitStep, planInit } from '../../env/init.ts'
import { loadEnv } from '../../env/load.ts'
import { exitCodes } from '../../scripts/error.ts'
import type { ActStep } from '../../scripts/step.ts'
import type { Stage } from '../../scripts/task.ts'
import { failure, listen, type Project, project } from './fixture.ts'

/** A file without a problem: what init writes, with the blanks filled in; then the test's own lines, which count last. */
async function good(stage: Stage, lines: readonly string[] = [], ctx: Project = project()): Promise<Project> {
  const { after } = await planInit({ ...ctx, env: {} }, stage)
  const names = lines.map((line) => line.split('=', 1)[0])
  const kept = after
    .replace('ghcr.io/CHANGE_ME/', 'ghcr.io/owner/')
    .replace('sha-CHANGE_ME', 'sha-1234567')
    .replace('https://CHANGE_ME.example', 'https://app.example')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#') && !names.includes(line.split('=', 1)[0]))
  ctx.write(`.env.${stage}`, [...kept, ...lines, ''].join('\n'))
  return ctx
}

async function findings(stage: Stage, lines: readonly string[], ctx = project()): Promise<Finding[]> {
  return checkEnv(await loadEnv(await good(stage, lines, ctx), stage))
}

function brief(list: readonly Finding[]): string[] {
  return list.map(({ level, kind, name }) => `${level} ${kind} ${name}`.trim())
}

test('what init writes has no problem once the blanks are filled in', async () => {
  for (const stage of ['dev', 'stage', 'prod'] as const) assert.equal(brief(await findings(stage, [])), [], stage)
})

test('weak and placeholder secrets warn in dev and are errors on servers', async () => {
  const cases: [string, string][] = [
    ['POSTGRES_PASSWORD=postgres', 'weak'],
    ['POSTGRES_PASSWORD=Postgres-123', 'weak'],
    ['POSTGRES_PASSWORD=short-but-odd', 'weak'],
    ['POSTGRES_PASSWORD=abababababababababab', 'weak'],
    ['MINIO_ROOT_PASSWORD=minioadmin', 'weak'],
    ['MINIO_ROOT_USER=minioadmin', 'weak'],
    ['REDIS_PASSWORD=changeme', 'weak'],
    ['JWT_SECRET=0123456789abcdef0123456789abcde', 'weak'],
    ['POSTGRES_PASSWORD=CHANGE_ME', 'placeholder'],
    ['IMAGE_PREFIX=ghcr.io/CHANGE_ME/', 'placeholder'],
  ]
  for (const [line, kind] of cases) {
    const name = line.slice(0, line.indexOf('='))
    assert.equal(brief(await findings('dev', [line])), [`warning ${kind} ${name}`], line)
    assert.equal(brief(await findings('stage', [line])), [`error ${kind} ${name}`], line)
    assert.equal(brief(await findings('prod', [line])), [`error ${kind} ${name}`], line)
  }
})

test('malformed and missing values are errors everywhere, with the line', async () => {
  const [port] = await findings('dev', ['POSTGRES_PORT=70000'])
  assert.is(port?.kind, 'malformed')
  assert.is(port?.level, 'error')
  assert.is(port?.message, 'is not a port from 1 to 65535: "70000"')
  assert.type(port?.line, 'number')
  assert.equal(brief(await findings('dev', ['POSTGRES_PASSWORD='])), ['error missing POSTGRES_PASSWORD'])
  assert.equal(brief(await findings('prod', ['IMAGE_TAG=latest'])), ['error malformed IMAGE_TAG'])
  assert.equal(brief(await findings('dev', ['MINIO_ROOT_PASSWORD=short'])), ['error malformed MINIO_ROOT_PASSWORD'])
  const ctx = project()
  ctx.write('.env.prod', '')
  const missing = checkEnv(await loadEnv(ctx, 'prod')).map(({ kind, name }) => `${kind} ${name}`)
  const keys = services.flatMap(({ role, redis, objectKey }) =>
    [role?.passwordVariable, redis?.passwordVariable, objectKey?.secretVariable].filter((key) => key !== undefined),
  )
  assert.is(keys.length, 6 + 5 + 2)
  assert.equal(
    missing.sort(),
    [
      'GATEWAY_CORS_ALLOWED_ORIGINS',
      'IMAGE_PREFIX',
      'IMAGE_TAG',
      'JWT_SECRET',
      'MINIO_ROOT_PASSWORD',
      'POSTGRES_PASSWORD',
      'REDIS_PASSWORD',
      ...keys,
    ]
      .map((name) => `missing ${name}`)
      .sort(),
  )
})

test('a provider that is switched on needs its keys, one that is off does not', async () => {
  assert.equal(brief(await findings('prod', ['YOOKASSA_ENABLED=false'])), [])
  const on = await findings('prod', ['YOOKASSA_ENABLED=true'])
  assert.equal(brief(on), ['error missing YOOKASSA_SHOP_ID', 'error missing YOOKASSA_SECRET_KEY'])
  assert.match(on[0]?.message ?? '', 'required because YOOKASSA_ENABLED is true')
  assert.equal(brief(await findings('dev', ['RECEIPT_ENABLED=true', 'COMPANY_INN=7707083893'])), [
    'error missing OFD_URL',
  ])
  assert.equal(brief(await findings('dev', ['TELEGRAM_WEBHOOK_URL=https://a.example/t'])), [
    'error missing TELEGRAM_BOT_TOKEN',
    'error missing TELEGRAM_WEBHOOK_SECRET',
  ])
})

test('unknown names are warned about, near ones with a suggestion', async () => {
  const [typo, other, elsewhere] = await findings('prod', ['POSTGRES_PASWORD=x', 'ZZZ=1', 'POSTGRES_PORT=5432'])
  assert.equal([typo?.level, typo?.kind, typo?.hint], ['warning', 'unknown', 'did you mean POSTGRES_PASSWORD?'])
  assert.equal([other?.level, other?.kind, other?.hint], ['warning', 'unknown', 'remove the line'])
  assert.is(elsewhere?.message, 'has no effect in prod')
})

test('one secret for two doors warns in dev and is an error in prod; one port twice never works', async () => {
  const same = ['POSTGRES_PASSWORD=f3a9c17be2d84605', 'REDIS_PASSWORD=f3a9c17be2d84605']
  assert.equal(brief(await findings('dev', same)), ['warning duplicate REDIS_PASSWORD'])
  assert.equal(brief(await findings('prod', same)), ['error duplicate REDIS_PASSWORD'])
  assert.equal(brief(await findings('dev', ['REDIS_PORT=5432'])), ['error duplicate REDIS_PORT'])
})

test('a name that stands twice, a stray line, open permissions and an ambiguous value are found', async () => {
  const twice = await findings('dev', ['REDIS_PORT=1', 'REDIS_PORT=6379'])
  assert.equal(brief(twice), ['warning duplicate REDIS_PORT'])
  assert.equal(brief(await findings('dev', ['what is this'])), ['error malformed'])
  const ambiguous = await findings('dev', ['POSTGRES_PASSWORD=f3a9c17b$e2d84605'])
  assert.equal(brief(ambiguous), ['warning ambiguous POSTGRES_PASSWORD'])
  assert.is(ambiguous[0]?.hint, 'put the value in single quotes')
  const ctx = await good('dev')
  ctx.write('.env.dev', ctx.read('.env.dev'), 0o644)
  const [open] = checkEnv(await loadEnv(ctx, 'dev'))
  assert.equal([open?.kind, open?.level, open?.hint], ['permissions', 'warning', 'chmod 600 env/.env.dev'])
})

test('no finding repeats a secret', async () => {
  const lines = [
    'POSTGRES_PASSWORD="visible$x"',
    'JWT_SECRET=visible',
    'MINIO_ROOT_PASSWORD=visible',
    'REDIS_PASSWORD=a\\',
  ]
  const list = await findings('prod', [...lines, 'TELEGRAM_BOT_TOKEN=visible', 'POSTGRES_PASWORD=visible'])
  assert.not.match(JSON.stringify(list), /visible/)
  assert.ok(list.length >= 6)
})

test('bad variables are refused with all findings; warnings are handed back', async () => {
  const bad = await loadEnv(await good('prod', ['IMAGE_TAG=latest', 'ZZZ=1', 'REDIS_PASSWORD=redis']), 'prod')
  const error = await failure(() => refuseBadEnv(bad))
  assert.is(error.exitCode, exitCodes.problems)
  assert.is(error.details.length, 3)
  assert.match(error.details.join('\n'), /env\/\.env\.prod:\d+: error: IMAGE_TAG is latest/)
  const fine = await loadEnv(await good('dev', ['REDIS_PASSWORD=redis']), 'dev')
  assert.equal(brief(refuseBadEnv(fine)), ['warning weak REDIS_PASSWORD'])
})

test('a value from the process environment is judged too, and says so', async () => {
  const list = await findings('prod', [], project({ IMAGE_TAG: 'latest' }))
  assert.equal(brief(list), ['error malformed IMAGE_TAG'])
  assert.is(list[0]?.line, undefined)
  assert.match(list[0]?.message ?? '', 'process environment')
})

test('a file from before an update: what it lacks is named, and env init adds it and only it', async () => {
  const ctx = project()
  const step = await envInitStep(ctx, 'dev')
  await (step as ActStep).act(listen().io)
  const whole = ctx.read('.env.dev')
  const old = whole
    .split('\n')
    .filter((line) => !/^(USER_DB_PASSWORD|MEDIA_S3_SECRET_KEY)=/.test(line))
    .join('\n')
  ctx.write('.env.dev', old)
  const refused = await failure(async () => refuseBadEnv(await loadEnv(ctx, 'dev')))
  assert.is(refused.code, 'ENV_PROBLEMS')
  assert.match(refused.hint ?? '', /^aqua env init dev/)
  assert.match(refused.details.join('\n'), /USER_DB_PASSWORD is missing/)
  await ((await envInitStep(ctx, 'dev')) as ActStep).act(listen().io)
  const added = ctx.read('.env.dev')
  assert.ok(added.startsWith(old))
  const names = [...added.slice(old.length).matchAll(/^(\w+)=/gm)].map(([, name]) => name)
  assert.equal(names.sort(), ['MEDIA_S3_SECRET_KEY', 'USER_DB_PASSWORD'])
  refuseBadEnv(await loadEnv(ctx, 'dev'))
})

test.run()
