import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type Test, test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseCron } from '../../backup/schedule/cron.ts'
import { blockOf, cronLine, withBlock, withoutBlock } from '../../backup/schedule/crontab.ts'
import { type Job, jobOf } from '../../backup/schedule/job.ts'
import { install, installed, remove } from '../../backup/schedule/schedule.ts'
import { unitFiles } from '../../backup/schedule/systemd.ts'
import { isAquaError } from '../../scripts/error.ts'
import { Children } from '../../scripts/spawn.ts'
import type { CommandOptions, Io } from '../../scripts/step.ts'

const awkward = `a b'c"d$HOME%h\\e`
let root = ''
test.before(() => {
  root = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-schedule-')), awkward)
  fs.mkdirSync(path.join(root, 'scripts'), { recursive: true })
  // In place of aqua: says what it was given, and where.
  fs.writeFileSync(
    path.join(root, 'scripts', 'aqua.cjs'),
    'console.log(JSON.stringify([process.argv.slice(2), process.env.DOCKER_HOST, process.env.PATH]))',
  )
})
test.after(() => fs.rmSync(path.dirname(root), { recursive: true, force: true }))

const options = ['--label', `it's 100 % "sure" $HOME \\n`, '--encrypt', '--to', 'both']
const made = (cron = '17 2 * * *', env: Record<string, string> = {}): Job => {
  const ctx = { root, stateDir: path.join(root, '.aqua'), env: { PATH: process.env.PATH, ...env } }
  return { ...jobOf(ctx, 'dev', 'aquastream-dev', parseCron(cron), options), name: `aqua-backup-test-${process.pid}` }
}

/** Runs what it is told, for real. */
const children = new Children(process.env)
const call = (argv: readonly string[], options: CommandOptions = {}) =>
  children.run(argv, { ...options, timeoutMs: 10_000 })
const io = {
  probe: call,
  async run(argv: readonly string[], given?: CommandOptions) {
    const result = await call(argv, given)
    if (result.code !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr}`)
    return result
  },
} as unknown as Io
const ctx = { env: process.env, probe: call, platform: process.platform, now: () => new Date('2026-11-23T12:00:00') }

test('absolute throughout; what a run needs of this environment is handed on, and no secret', () => {
  const { argv } = made('17 2 * * *', { DOCKER_HOST: 'unix:///run/user/1000/docker.sock', JWT_SECRET: 'sssh-sssh' })
  assert.equal(
    argv.slice(-9),
    [process.execPath, path.join(root, 'scripts', 'aqua.cjs'), 'backup', '--stage', 'dev', ...options].slice(-9),
  )
  assert.is(argv[0], '/usr/bin/env')
  assert.ok(argv.includes('DOCKER_HOST=unix:///run/user/1000/docker.sock'))
  assert.not.match(argv.join(' '), 'sssh')
  for (const secret of ['DATABASE_URL', 'PGPASSWORD'])
    assert.throws(
      () => made('17 2 * * *', { [secret]: 'postgres://a:b@c/d' }),
      (error: unknown) => isAquaError(error) && error.code === 'SCHEDULE_SECRET',
    )
})

test('the line of a crontab brings every word through cron and the shell as it was', () => {
  const job = made('17 2 * * *', { DOCKER_HOST: 'unix:///a b' })
  fs.mkdirSync(path.dirname(job.log), { recursive: true })
  const line = cronLine(job)
  assert.ok(line.startsWith('17 2 * * * /usr/bin/env '))
  assert.not.match(line, /(^|[^\\])%/, 'a bare % would end the command')
  // What cron does: the fields off, \% becomes %, the rest to sh.
  const command = line.split(' ').slice(5).join(' ').replaceAll('\\%', '%')
  const { status, stderr } = spawnSync('/bin/sh', ['-c', command], { env: {}, cwd: os.tmpdir(), encoding: 'utf8' })
  assert.is(status, 0, stderr)
  const [argv, docker, search] = JSON.parse(fs.readFileSync(job.log, 'utf8'))
  assert.equal(argv, ['backup', '--stage', 'dev', ...options])
  assert.is(docker, 'unix:///a b')
  assert.match(search, '/usr/bin')
})

test('a block comes, changes and goes; every other line stays', () => {
  const mine = '# mine\nMAILTO=me\n5 4 * * * /bin/true\n'
  const first = withBlock(mine, made())
  assert.ok(first.startsWith(mine))
  assert.is(withBlock(first, made()), first, 'twice is once')
  const later = withBlock(`${first}# after\n`, made('0 5 * * *'))
  assert.match(blockOf(later, made().name) ?? '', /^0 5 \* \* \* /)
  assert.is(later.split('\n').filter((line) => line.includes('aqua.cjs')).length, 1)
  assert.is(withoutBlock(later, made().name), `${mine}# after\n`)
  assert.is(withoutBlock(mine, made().name), mine)
  assert.is(
    withoutBlock(withBlock('5 4 * * * x', made()), made().name),
    '5 4 * * * x\n',
    'a last line without its end gets one',
  )
  const torn = first.split('\n').slice(0, -2).join('\n')
  assert.ok(
    withoutBlock(`${torn}\n7 7 * * * other\n`, made().name).endsWith('7 7 * * * other\n'),
    'a lost end takes nothing with it',
  )
  assert.throws(() => cronLine({ ...made(), argv: ['x'.repeat(1000)] }))
})

const skipped = (reason: string | undefined): Test =>
  reason ? (((name: string) => test.skip(`${name}: ${reason}`, reason as never)) as unknown as Test) : test
const absent = (program: string, ...args: string[]) =>
  spawnSync(program, args).error ? `${program} is not installed` : undefined

skipped(absent('systemd-analyze', '--version'))(
  'systemd accepts the units, and reads the paths in them as they are',
  () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-units-'))
    try {
      for (const user of [false, true])
        for (const cron of ['17 2 * * *', '0 3 1 * mon']) {
          for (const [name, text] of unitFiles(made(cron), { user })) fs.writeFileSync(path.join(folder, name), text)
          for (const name of fs.readdirSync(folder)) {
            const { status, stderr } = spawnSync(
              'systemd-analyze',
              ['verify', '--man=no', ...(user ? ['--user'] : []), path.join(folder, name)],
              {
                encoding: 'utf8',
                env: { ...process.env, XDG_RUNTIME_DIR: path.dirname(root) },
              },
            )
            const said = stderr.split('\n').filter((line) => line.includes('aqua-backup'))
            assert.equal([status, said], [0, []], `${name}\n${stderr}`)
          }
        }
      const service = fs.readFileSync(path.join(folder, `${made().name}.service`), 'utf8')
      assert.match(service, `WorkingDirectory=${root.replaceAll('%', '%%')}\n`)
      assert.match(service, String.raw`"it's 100 %% \"sure\" $$HOME \\n" "--encrypt"`)
    } finally {
      fs.rmSync(folder, { recursive: true, force: true })
    }
  },
)

skipped(absent('crontab', '-V'))('with a real crontab: installed, shown, installed again, removed', async () => {
  const before = await call(['crontab', '-l'])
  const job = made()
  try {
    await install(io, ctx, job, { by: 'crontab' })
    await install(io, ctx, made('0 3 * * *'), { by: 'crontab' })
    const { stdout } = await call(['crontab', '-l'])
    assert.ok(stdout.startsWith(before.code === 0 ? before.stdout : ''))
    assert.is(stdout.split('\n').filter((line) => line.includes(job.name)).length, 2, 'one block')
    const shown = await installed(io, ctx, job.name)
    assert.is(shown?.where, 'the crontab')
    assert.is(new Date(shown?.next ?? '').getTime(), new Date('2026-11-24T03:00:00').getTime())
    assert.match(shown?.log ?? '', 'backup-dev.log')
  } finally {
    await remove(io, ctx, job.name)
  }
  const after = await call(['crontab', '-l'])
  assert.is(after.stdout.trim(), before.stdout.trim())
  assert.equal(await remove(io, ctx, job.name), [], 'nothing to remove is no error')
  assert.is(await installed(io, ctx, job.name), undefined)
})

test('a crontab that cannot be read is never written (crontab: a program that fails)', async () => {
  const written: string[] = []
  const failing = {
    probe: async () => ({ code: 1, stdout: '', stderr: 'crontab: cannot open your crontab: Permission denied' }),
    run: async (argv: readonly string[]) => written.push(argv.join(' ')),
  } as unknown as Io
  let code = ''
  await install(failing, ctx, made(), { by: 'crontab' }).catch((error) => {
    code = error.code
  })
  assert.equal([code, written], ['CRONTAB', []])
})

test.run()
