import { Writable } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { AquaError } from '../../scripts/error.ts'
import { Output, type OutputOptions } from '../../scripts/output.ts'
import { Redactor } from '../../scripts/secret.ts'
import { bytes, table } from '../../scripts/table.ts'

class Sink extends Writable {
  text = ''
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

function world(options: Partial<OutputOptions> = {}) {
  const stdout = new Sink()
  const stderr = new Sink()
  const redactor = new Redactor()
  const out = new Output({
    stdout,
    stderr,
    env: {},
    live: false,
    json: false,
    quiet: false,
    verbose: false,
    redactor,
    ...options,
  })
  return { out, stdout, stderr, redactor }
}
const esc = String.fromCharCode(27)
const error = new AquaError('X', 'it broke', { hint: 'mend it', details: ['because'] })

test('answers go to stdout, the rest to stderr', () => {
  const { out, stdout, stderr } = world()
  out.print('answer')
  out.note('note')
  out.warn('careful')
  out.error(error)
  assert.is(stdout.text, 'answer\n')
  assert.equal(stderr.text.split('\n'), [
    'note',
    'aqua: warning: careful',
    'aqua: error: it broke',
    '  because',
    'aqua: hint: mend it',
    '',
  ])
})

test('--json leaves stdout to the envelope, --quiet keeps answers and errors', () => {
  const json = world({ json: true })
  json.out.print('answer')
  json.out.raw('bytes')
  json.out.note('note')
  json.out.stepStart('s')
  json.out.stepEnd('s', 'done', 1)
  assert.equal([json.stdout.text, json.stderr.text], ['', ''])
  const quiet = world({ quiet: true })
  quiet.out.print('answer')
  quiet.out.note('note')
  quiet.out.stepStart('s')
  quiet.out.stepEnd('s', 'done', 1)
  quiet.out.error(error)
  assert.is(quiet.stdout.text, 'answer\n')
  assert.match(quiet.stderr.text, /^aqua: error/)
})

test('colour at a terminal, and none with NO_COLOR, a dumb terminal or a pipe', () => {
  const coloured = (options: Partial<OutputOptions>) => {
    const { out, stderr } = world(options)
    out.note('x')
    out.warn('x')
    out.error(error)
    return stderr.text.includes(`${esc}[`)
  }
  assert.is(coloured({ live: true }), true)
  assert.is(coloured({ live: true, env: { NO_COLOR: '1' } }), false)
  assert.is(coloured({ live: true, env: { TERM: 'dumb' } }), false)
  assert.is(coloured({}), false)
})

test('everything is cleaned of secrets: titles of errors, hints, details, progress', () => {
  const { out, stdout, stderr, redactor } = world({ live: true, verbose: true })
  redactor.add('s3cret-value')
  out.print('s3cret-value')
  out.note('s3cret-value')
  out.stepStart('title')
  out.progress('s3cret-value')
  out.childLine('s3cret-value')
  out.stepEnd('s3cret-value', 'failed', 1)
  out.error(new AquaError('X', 's3cret-value', { hint: 's3cret-value', details: ['s3cret-value'] }))
  assert.not.match(stdout.text + stderr.text, 's3cret')
})

test('a workflow command stays one line', () => {
  const { out, stderr } = world({ env: { GITHUB_ACTIONS: 'true' } })
  out.error(new AquaError('X', 'first\nsecond', { hint: '50 %' }))
  assert.is(stderr.text.split('\n')[0], '::error title=aqua X::first%0Asecond (50 %25)')
})

test('tables and sizes', () => {
  assert.equal(
    table([
      { name: 'ä', n: '1' },
      { name: 'long', n: '' },
    ]),
    ['NAME  N', 'ä     1', 'long'],
  )
  assert.equal([0, 1023, 1536, 1024 ** 3].map(bytes), ['0 B', '1023 B', '1.5 KiB', '1.0 GiB'])
})

test.run()
