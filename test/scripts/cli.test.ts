import fs from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Checkout, envelope } from './checkout.ts'

const aqua = new Checkout()
test.before.each(() => aqua.clear())

const escapes = new RegExp(String.fromCharCode(27))

test('help, version and completion answer 0 and say it on stdout', async () => {
  for (const argv of [
    ['--version'],
    [],
    ['help'],
    ['--help'],
    ['help', 'steps'],
    ['steps', '--help'],
    ['help', 'leak'],
  ]) {
    const { code, stdout, stderr } = await aqua.run(argv)
    assert.equal([code, stderr], [0, ''], argv.join(' '))
    assert.ok(stdout.length > 0)
  }
  const completed = await aqua.run(['__complete', 'ste'])
  assert.is(completed.stdout, 'steps\nsteps-fail\n')
})

test('a mistyped name, option or value: 2, nothing on stdout, nothing done', async () => {
  for (const argv of [
    ['stpes'],
    ['leak'],
    ['leak', 'foo'],
    ['steps', '--fial', '1'],
    ['steps', '--fail'],
    ['leak-hang', 'x'],
  ]) {
    const { code, stdout, stderr } = await aqua.run(argv)
    assert.equal([code, stdout], [2, ''], argv.join(' '))
    assert.match(stderr, /^aqua: error: .*\naqua: hint: .*\n$/)
  }
  assert.equal(aqua.lines('mark'), [])
})

test('steps run in order; the envelope says which', async () => {
  const ran = await aqua.run(['steps', '--json'])
  assert.is(ran.code, 0)
  const { task, ok, startedAt, seconds, steps, result, error } = envelope(ran)
  assert.equal([task, ok, result, error], ['steps', true, { marks: 3 }, null])
  assert.ok(Math.abs(Date.parse(startedAt) - Date.now()) < 60_000)
  assert.type(seconds, 'number')
  assert.equal(
    (steps as { title: string; effect: string; state: string }[]).map((s) => [s.title, s.effect, s.state]),
    [
      ['step 1', 'write', 'done'],
      ['step 2', 'write', 'done'],
      ['step 3, done differently', 'write', 'done'],
    ],
  )
  assert.equal(aqua.lines('mark'), ['1', '2', '3'])
})

test('a failing step stops the rest: 1, with what the command said', async () => {
  const ran = await aqua.run(['steps', '--fail', '2', '--json'])
  assert.is(ran.code, 1)
  const { ok, steps, error } = envelope(ran)
  assert.equal(
    (steps as { state: string }[]).map(({ state }) => state),
    ['done', 'failed'],
  )
  assert.equal([ok, error?.code, error?.details, error?.exitCode], [false, 'COMMAND_FAILED', ['broken pipe dream'], 1])
  assert.equal(aqua.lines('mark'), ['1'])
})

test('an alias hands its words to the parser', async () => {
  assert.is((await aqua.run(['steps-fail'])).code, 1)
  assert.equal(aqua.lines('mark'), ['1'])
})

test('a usage error keeps the one envelope, wherever it is found', async () => {
  for (const argv of [
    ['steps', '--json', '--fial', '1'],
    ['steps', '--fail', 'x', '--json'],
    ['stpes', '--json'],
    ['--json', 'leak'],
  ]) {
    const ran = await aqua.run(argv)
    const { ok, steps, result, error } = envelope(ran)
    assert.equal([ran.code, ran.stderr, ok, steps, result, error?.exitCode], [2, '', false, [], {}, 2], argv.join(' '))
    assert.equal(Object.keys(JSON.parse(ran.stdout)).sort(), [
      'error',
      'ok',
      'result',
      'seconds',
      'startedAt',
      'steps',
      'task',
    ])
  }
})

test('--dry-run names the commands and starts none of them', async () => {
  const plain = await aqua.run(['steps', '--dry-run'])
  assert.is(plain.code, 0)
  assert.match(plain.stdout, `bash -c 'echo 1 >> "$WORK/mark"'`)
  const { steps } = envelope(await aqua.run(['steps', '--dry-run', '--json']))
  assert.equal(steps.at(-1), { title: 'step 3', effect: 'write', commands: ['mark 3'] })
  assert.is((await aqua.run(['lose', '--dry-run', '--yes'])).code, 0)
  assert.equal(aqua.lines('mark'), [])
})

test('what destroys is refused where nobody can be asked: 6; --yes goes on', async () => {
  const refused = await aqua.run(['lose', '--json'])
  assert.equal([refused.code, envelope(refused).error?.code], [6, 'NOT_CONFIRMED'])
  assert.equal(aqua.lines('mark'), [])
  assert.is((await aqua.run(['lose', '--yes'])).code, 0)
  assert.equal(aqua.lines('mark'), ['lost'])
})

test('a program that is not there: 3', async () => {
  const ran = await aqua.run(['missing', '--json'])
  assert.equal([ran.code, envelope(ran).error?.code], [3, 'PROGRAM_MISSING'])
})

test('anything but an AquaError is a bug: 1, with its stack on stderr', async () => {
  const ran = await aqua.run(['look', '--only', 'user,event', '--json'])
  assert.equal([ran.code, envelope(ran).error?.code], [1, 'BUG'])
  assert.match(ran.stderr, /TypeError: a bug in a task\n\s+at /)
})

test('a task that looks prints its answer to stdout alone; --quiet keeps it, --json wraps it', async () => {
  assert.equal(await aqua.run(['look']), { code: 0, stdout: 'seen\n', stderr: 'noted\n' })
  assert.equal(await aqua.run(['look', '-q']), { code: 0, stdout: 'seen\n', stderr: '' })
  const ran = await aqua.run(['look', '--json'])
  assert.equal([ran.stderr, envelope(ran).result], ['', { seen: true }])
})

test('no escape codes in a pipe, with NO_COLOR or in CI', async () => {
  for (const env of [{}, { NO_COLOR: '1' }, { CI: 'true' }, { FORCE_COLOR: '1', TERM: 'xterm-256color' }])
    for (const argv of [['steps', '--verbose'], ['steps', '--fail', '1'], ['help'], ['stpes']]) {
      const { stdout, stderr } = await aqua.run(argv, env as Record<string, string>)
      assert.not.match(stdout + stderr, escapes)
      assert.ok(stdout + stderr)
    }
})

test('secrets: neither in what is printed nor in the envelope nor in the summary', async () => {
  for (const secret of ['qu"ote\\back$`slash', "it's 100 %"]) {
    for (const how of ['fail', 'throw', 'result', 'probe'])
      for (const more of [['--json'], ['--verbose'], []]) {
        const summary = aqua.file('..', 'work', 'summary')
        const env = { SECRET: secret, GITHUB_STEP_SUMMARY: summary, GITHUB_ACTIONS: 'true' }
        const ran = await aqua.run(['leak-print', '--how', how, ...more], env)
        assert.is(ran.code, how === 'result' ? 0 : 1)
        const said = `${ran.stdout}${ran.stderr}${fs.readFileSync(summary, 'utf8')}`
        const forms = [
          secret,
          JSON.stringify(secret).slice(1, -1),
          encodeURIComponent(secret),
          secret.replaceAll('%', '%25'),
        ]
        for (const form of forms) assert.not.ok(said.includes(form), `${how} ${more}: ${said}`)
        if (how !== 'fail' || more.length > 0) assert.match(said, /\[redacted\]/)
        if (more.includes('--json')) envelope(ran)
      }
  }
})

test('GitHub Actions: an ::error line that stays one line, and a job summary that is appended to', async () => {
  const file = aqua.file('..', 'work', 'summary')
  const env = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: file }
  const ran = await aqua.run(['steps', '--fail', '1'], env)
  const commands = ran.stderr.split('\n').filter((line) => line.startsWith('::error'))
  assert.is(commands.length, 1)
  assert.match(commands[0] ?? '', 'COMMAND_FAILED')
  await aqua.run(['steps'], env)
  const headings = aqua.lines('summary').filter((line) => line.startsWith('### '))
  assert.is(headings.length, 2)
  assert.is(aqua.lines('summary').filter((line) => line.startsWith('| step ')).length, 2 + 1 + 3)
  const none = await aqua.run(['steps', '--fail', '1'])
  assert.not.match(none.stderr, '::error')
  const unwritable = await aqua.run(['steps'], { GITHUB_STEP_SUMMARY: aqua.file('no', 'such', 'folder') })
  assert.is(unwritable.code, 0)
})

test.run()
