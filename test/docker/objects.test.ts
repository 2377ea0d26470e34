import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rowsOf } from '../../docker/objects/bootstrap.ts'
import { type Connection, s3Error } from '../../docker/objects/connect.ts'
import { objectName } from '../../docker/objects/copy.ts'
import { isPublic } from '../../docker/objects/survey.ts'
import { initArgv } from '../../docker/oneshot.ts'
import { AquaError } from '../../scripts/error.ts'
import { Secret } from '../../scripts/secret.ts'

const connection = { endpoint: 'http://127.0.0.1:9000', access: 'backend-media' } as Connection

/** An error as the S3 client throws it. */
function thrown(name: string, httpStatusCode: number): Error {
  return Object.assign(new Error(`${name} it said`), { name, $fault: 'client', $metadata: { httpStatusCode } })
}

test('the lines of the bootstrap are verdicts; another line is an error', () => {
  assert.equal(rowsOf(['created     bucket a', 'unsupported lifecycle of a: not here']), [
    { verdict: 'created', what: 'bucket a' },
    { verdict: 'unsupported', what: 'lifecycle of a: not here' },
  ])
  assert.throws(() => rowsOf(['panic: out of memory']), /panic: out of memory/)
})

test('a policy is public when it allows something to everybody', () => {
  const policy = (statement: object) => JSON.stringify({ Statement: [{ Effect: 'Allow', Action: '*', ...statement }] })
  for (const Principal of ['*', { AWS: '*' }, { AWS: ['arn:aws:iam::1:user/x', '*'] }])
    assert.is(isPublic(policy({ Principal })), true)
  assert.is(isPublic(policy({ Principal: { AWS: ['arn:aws:iam::1:user/x'] } })), false)
  assert.is(isPublic(policy({ Principal: '*', Effect: 'Deny' })), false)
  assert.is(isPublic('{}'), false)
})

test('names of objects keep every character of the key', () => {
  assert.equal(objectName('s3://b/a/b c?d'), { Bucket: 'b', Key: 'a/b c?d' })
  assert.equal(objectName('b'), { Bucket: 'b', Key: '' })
  assert.equal(objectName('b/'), { Bucket: 'b', Key: '' })
  assert.is(objectName(''), undefined)
  assert.is(objectName('s3://'), undefined)
})

test('what the server answers becomes an error with a way out; errors of ours and bugs stay what they are', () => {
  const code = (error: unknown) => s3Error(error, connection, 'read x')?.code
  assert.is(code(thrown('AccessDenied', 403)), 'S3_DENIED')
  assert.is(code(thrown('SignatureDoesNotMatch', 403)), 'S3_KEY')
  assert.is(code(thrown('NoSuchKey', 404)), 'S3_NOT_FOUND')
  assert.is(code(thrown('SlowDown', 503)), 'S3_FAILED')
  assert.is(code(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })), 'S3_UNREACHABLE')
  assert.is(code(new AquaError('S3_SHORT', 'short')), undefined)
  assert.is(code(new TypeError('bug')), undefined)
})

test('the command of a one-shot names its variables and holds no value', () => {
  const stack = { stage: 'dev', project: 'p', files: ['f.yml'], docker: 'docker', env: {} } as const
  const argv = initArgv(stack, {
    name: 'minio-init',
    of: 'minio',
    env: { KEY: new Secret('hidden-value') },
    timeoutMs: 1,
  })
  assert.equal(argv.slice(-3), ['--env', 'KEY', 'minio-init'])
  assert.not.ok(argv.join(' ').includes('hidden-value'))
})

test.run()
