import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { envInitStep } from '../../env/init.ts'
import type { Context } from '../../scripts/context.ts'
import { exitCodes } from '../../scripts/error.ts'
import type { ActStep, Step } from '../../scripts/step.ts'
import envCheck from '../../tasks/env-check.ts'
import envExplain from '../../tasks/env-explain.ts'
import { failure, listen, type Project, project, type Spoken } from './fixture.ts'

async function run(steps: Step[] | Promise<Step[]>, spoken: Spoken = listen()): Promise<Spoken> {
  for (const step of await steps) await (step as ActStep).act(spoken.io)
  return spoken
}

const context = (ctx: Project) => ctx as unknown as Context
const check = (ctx: Project, stage?: 'dev' | 'stage' | 'prod') => envCheck.plan({ stage }, context(ctx))
const explain = (ctx: Project, name: string, stage: 'dev' | 'prod' = 'dev') =>
  envExplain.plan({ name, stage }, context(ctx))

test('check looks at every stage that has a file, and ends with 5 when one has an error', async () => {
  const ctx = project()
  assert.is((await failure(() => check(ctx))).exitCode, exitCodes.missing)
  await run([await envInitStep(ctx, 'dev')])
  assert.equal((await run(check(ctx))).result, { stages: ['dev'], errors: 0, warnings: 0, findings: [] })
  await run([await envInitStep(ctx, 'prod')])
  const spoken = listen()
  const error = await failure(() => run(check(ctx), spoken))
  assert.is(error.exitCode, exitCodes.problems)
  assert.equal([spoken.result.stages, spoken.result.errors], [['dev', 'prod'], 3])
  assert.is(spoken.printed.length, 4)
  assert.is((await run(check(ctx, 'dev'))).result.errors, 0)
  assert.is((await failure(() => check(ctx, 'stage'))).exitCode, exitCodes.missing)
})

test('explain tells value, source and receivers', async () => {
  const ctx = project()
  ctx.write('.env.dev', '\nREDIS_PORT=7000\n')
  const { result, printed } = await run(explain(ctx, 'redis_port'))
  assert.equal([result.value, result.source, result.default], ['7000', 'env/.env.dev:2', '6379'])
  assert.match(printed.join('\n'), /source +env\/\.env\.dev:2/)
  const jwt = await run(explain(ctx, 'JWT_SECRET'))
  assert.equal(
    (jwt.result.receivers as { container: string }[]).map(({ container }) => container),
    ['backend-gateway', 'backend-user'],
  )
})

test('explain never shows a secret', async () => {
  const ctx = project({ REDIS_PASSWORD: 'visible-in-the-environment' })
  ctx.write('.env.dev', 'POSTGRES_PASSWORD=visible-in-the-file\n')
  for (const name of ['REDIS_PASSWORD', 'POSTGRES_PASSWORD']) {
    const { result, printed } = await run(explain(ctx, name))
    assert.is(result.value, '[redacted]')
    assert.not.match(`${JSON.stringify(result)}${printed}`, /visible/)
  }
})

test('explain works without a file, and suggests a name for a misspelt one', async () => {
  const ctx = project()
  assert.equal((await run(explain(ctx, 'POSTGRES_DB', 'prod'))).result.source, 'the default')
  const error = await failure(() => explain(ctx, 'POSTGRES_PASWORD'))
  assert.is(error.exitCode, exitCodes.usage)
  assert.is(error.hint, 'did you mean POSTGRES_PASSWORD?')
})

test.run()
