import { inspect } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { forCompose, loadEnv, plain, stagesWithFile } from '../../env/load.ts'
import { exitCodes } from '../../scripts/error.ts'
import { Secret, unwrap } from '../../scripts/secret.ts'
import { failure, project } from './fixture.ts'

test('the process environment wins over the file, the file over the default', async () => {
  const ctx = project({ POSTGRES_DB: 'fromenv' })
  ctx.write('.env.dev', '# x\nPOSTGRES_DB=fromfile\nREDIS_PORT=1\nREDIS_PORT=7000\n')
  const { values } = await loadEnv(ctx, 'dev')
  assert.is(values.get('POSTGRES_DB')?.value, 'fromenv')
  assert.equal(values.get('POSTGRES_DB')?.source, { kind: 'env' })
  assert.is(values.get('REDIS_PORT')?.value, '7000')
  assert.equal(values.get('REDIS_PORT')?.source, { kind: 'file', line: 4 })
  assert.is(values.get('POSTGRES_USER')?.value, 'aquastream')
  assert.equal(values.get('POSTGRES_USER')?.source, { kind: 'default' })
  assert.is(values.get('COMPOSE_PROJECT_NAME')?.value, 'aquastream-dev')
})

test('an empty value switches an optional variable off; a required one counts as not set', async () => {
  const ctx = project({ TELEGRAM_WEBHOOK_URL: '', POSTGRES_PASSWORD: '', POSTGRES_PORT: '' })
  ctx.write('.env.dev', 'TELEGRAM_WEBHOOK_URL=https://a.example\nPOSTGRES_PASSWORD=fromfile\nREDIS_PASSWORD=\n')
  const loaded = await loadEnv(ctx, 'dev')
  assert.is(plain(loaded, 'TELEGRAM_WEBHOOK_URL'), '')
  assert.is(plain(loaded, 'POSTGRES_PASSWORD'), 'fromfile')
  assert.is(plain(loaded, 'POSTGRES_PORT'), '5432')
  assert.is(plain(loaded, 'REDIS_PASSWORD'), undefined)
})

test('secrets are secrets, and nothing loaded prints one', async () => {
  const ctx = project({ JWT_SECRET: 'visible-in-the-environment' })
  ctx.write('.env.dev', 'POSTGRES_PASSWORD=visible-in-the-file\nPOSTGRES_PASWORD=visible-though-misspelt\n')
  const loaded = await loadEnv(ctx, 'dev')
  assert.instance(loaded.values.get('POSTGRES_PASSWORD')?.value, Secret)
  const shown = `${inspect(loaded, { depth: 9 })}${JSON.stringify([...loaded.values])}${inspect(forCompose(loaded))}`
  assert.not.match(shown, /visible/)
})

test('Compose gets every variable of the stage that has a value, and the stage', async () => {
  const ctx = project({ POSTGRES_PORT: '1234', UNRELATED: 'x' })
  ctx.write('.env.prod', "POSTGRES_PASSWORD='p$w'\nIMAGE_TAG=sha-1\nOTHER=1\n")
  const env = forCompose(await loadEnv(ctx, 'prod'))
  assert.is(unwrap(env.POSTGRES_PASSWORD ?? ''), 'p$w')
  assert.is(env.AQUA_STAGE, 'prod')
  assert.is(env.GATEWAY_BIND, '127.0.0.1')
  assert.is(env.COMPOSE_PROJECT_NAME, 'aquastream-prod')
  for (const name of ['POSTGRES_PORT', 'OTHER', 'UNRELATED', 'TELEGRAM_BOT_TOKEN', 'REDIS_PASSWORD'])
    assert.not.ok(name in env, name)
})

test('a missing file is something this machine lacks, unless the caller can do without', async () => {
  const ctx = project()
  const error = await failure(() => loadEnv(ctx, 'stage'))
  assert.is(error.exitCode, exitCodes.missing)
  assert.is(error.hint, 'aqua env init stage')
  const loaded = await loadEnv(ctx, 'stage', { fileOptional: true })
  assert.is(loaded.exists, false)
  assert.is(plain(loaded, 'POSTGRES_DB'), 'aquastream')
  assert.equal(await stagesWithFile(ctx), [])
  ctx.write('.env.prod', '')
  ctx.write('.env.dev.example', '')
  assert.equal(await stagesWithFile(ctx), ['prod'])
})

test.run()
