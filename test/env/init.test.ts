import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { envInitStep } from '../../env/init.ts'
import { forCompose, loadEnv, plain } from '../../env/load.ts'
import { variablesOf } from '../../env/schema.ts'
import { writeWhole } from '../../env/write.ts'
import type { Stage } from '../../scripts/task.ts'
import { listen, type Project, project, type Spoken } from './fixture.ts'

async function init(ctx: Project, stage: Stage): Promise<Spoken> {
  const spoken = listen()
  await (await envInitStep(ctx, stage)).act(spoken.io)
  return spoken
}

test('a new file is for its owner alone, complete, and its secrets are random', async () => {
  const ctx = project()
  const { result } = await init(ctx, 'dev')
  assert.is(ctx.mode('.env.dev'), 0o600)
  assert.equal(ctx.names(), ['.env.dev'])
  assert.equal([result.created, result.fillIn], [true, []])
  const loaded = await loadEnv(ctx, 'dev')
  for (const { name, required } of variablesOf('dev'))
    assert.is(loaded.values.get(name)?.source.kind, required ? 'file' : undefined, name)
  assert.match(plain(loaded, 'POSTGRES_PASSWORD') ?? '', /^[0-9a-f]{48}$/)
  assert.match(plain(loaded, 'JWT_SECRET') ?? '', /^[\w-]{64}$/)
  const other = project()
  await init(other, 'dev')
  assert.is.not(plain(await loadEnv(other, 'dev'), 'JWT_SECRET'), plain(loaded, 'JWT_SECRET'))
})

test('planning writes nothing, and the plan shows names but no secret', async () => {
  const ctx = project()
  const step = await envInitStep(ctx, 'prod', { random: (bytes) => Buffer.alloc(bytes, 0xab) })
  assert.equal(ctx.names(), [])
  assert.match(step.would?.join() ?? '', 'POSTGRES_PASSWORD')
  assert.not.match(JSON.stringify(step), /abab/)
})

test('what only a person knows is left as a placeholder and named', async () => {
  const ctx = project()
  const { result, notes } = await init(ctx, 'prod')
  assert.equal(result.fillIn, ['IMAGE_PREFIX', 'IMAGE_TAG', 'GATEWAY_CORS_ALLOWED_ORIGINS'])
  assert.match(notes.join(), 'fill in IMAGE_PREFIX')
})

test('a second run changes nothing, not even the time of the file', async () => {
  const ctx = project()
  await init(ctx, 'dev')
  const before = fs.statSync(path.join(ctx.root, 'env/.env.dev'))
  const { titles, result } = await init(ctx, 'dev')
  const after = fs.statSync(path.join(ctx.root, 'env/.env.dev'))
  assert.equal([after.ino, after.mtimeMs], [before.ino, before.mtimeMs])
  assert.match(titles[0] ?? '', 'complete')
  assert.equal(result.added, [])
})

test('an existing file keeps its bytes and its mode, and gets what it lacks', async () => {
  for (const before of [
    '# mine\nPOSTGRES_PASSWORD="old $ecret"   # keep\n\nZZZ=1\n',
    'POSTGRES_PASSWORD=x',
    "A='two\nlines'",
    '',
    'POSTGRES_DB=a\r\nPOSTGRES_USER=b\r\n',
  ]) {
    const ctx = project()
    ctx.write('.env.dev', before, 0o640)
    const { result } = await init(ctx, 'dev')
    const after = ctx.read('.env.dev')
    assert.ok(after.startsWith(before), JSON.stringify(before))
    assert.is(ctx.mode('.env.dev'), 0o640)
    assert.is(result.created, false)
    const loaded = await loadEnv(ctx, 'dev')
    assert.equal(loaded.stray, [])
    for (const name of result.added as string[]) {
      assert.is(loaded.values.get(name)?.source.kind, 'file', name)
      assert.is(loaded.entries.filter((entry) => entry.name === name).length, 1, name)
    }
    if (before.includes('\r\n')) assert.not.match(after, /[^\r]\n/)
    assert.equal((await init(ctx, 'dev')).result.added, [])
  }
})

test('an empty line of a required variable is left alone and named', async () => {
  const ctx = project()
  ctx.write('.env.dev', 'POSTGRES_PASSWORD=\n')
  const { result } = await init(ctx, 'dev')
  assert.equal(result.fillIn, ['POSTGRES_PASSWORD'])
  assert.not.ok((result.added as string[]).includes('POSTGRES_PASSWORD'))
})

test('keys of a provider that is switched on are added to fill in', async () => {
  const ctx = project()
  ctx.write('.env.dev', 'SBER_ENABLED=true\n')
  const { result } = await init(ctx, 'dev')
  assert.equal(result.fillIn, ['SBER_MERCHANT_ID', 'SBER_SECRET_KEY'])
})

test('an open quote in the last line swallows nothing of what is added', async () => {
  const ctx = project()
  ctx.write('.env.dev', "REDIS_PORT=1\nPOSTGRES_USER='")
  const { result } = await init(ctx, 'dev')
  const loaded = await loadEnv(ctx, 'dev')
  assert.is(plain(loaded, 'REDIS_PORT'), '1')
  for (const name of result.added as string[]) assert.is(loaded.values.get(name)?.source.kind, 'file', name)
})

test('a symbolic link is followed and stays one, also to a file that is not there yet', async () => {
  for (const existing of [true, false]) {
    const ctx = project()
    const shared = path.join(ctx.root, 'shared.env')
    const link = path.join(ctx.root, 'env/.env.dev')
    if (existing) fs.writeFileSync(shared, 'POSTGRES_DB=mine\n')
    fs.symlinkSync('../shared.env', link)
    await init(ctx, 'dev')
    assert.ok(fs.lstatSync(link).isSymbolicLink())
    assert.match(fs.readFileSync(shared, 'utf8'), existing ? /^POSTGRES_DB=mine$/m : /^POSTGRES_DB=aquastream$/m)
    assert.equal(fs.readdirSync(ctx.root).sort(), ['env', 'shared.env'])
  }
})

test('two at once: one writes, the other finds it complete', async () => {
  const ctx = project()
  const both = await Promise.all([init(ctx, 'dev'), init(ctx, 'dev')])
  assert.equal(both.map(({ result }) => result.created).sort(), [false, true])
  assert.equal(ctx.names(), ['.env.dev'])
  const loaded = await loadEnv(ctx, 'dev')
  assert.is(new Set(loaded.entries.map(({ name }) => name)).size, loaded.entries.length)
  assert.ok(forCompose(loaded).JWT_SECRET)
})

test('a file that appeared or changed meanwhile is not overwritten', async () => {
  const ctx = project()
  ctx.write('.env.dev', 'theirs\n')
  const file = path.join(ctx.root, 'env/.env.dev')
  for (const before of [undefined, 'what was read\n'])
    await writeWhole(file, before, 'ours\n').then(
      () => assert.unreachable(),
      (error: Error) => assert.is(error.constructor.name, 'FileChanged'),
    )
  assert.is(ctx.read('.env.dev'), 'theirs\n')
  assert.equal(ctx.names(), ['.env.dev'])
})

test.run()
