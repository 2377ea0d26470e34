import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable, Writable } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { rowsOf } from '../../docker/objects/bootstrap.ts'
import { type Connection, s3Error } from '../../docker/objects/connect.ts'
import { download, objectName } from '../../docker/objects/copy.ts'
import { roundTripStep } from '../../docker/objects/roundtrip.ts'
import { isPublic } from '../../docker/objects/survey.ts'
import { initArgv } from '../../docker/oneshot.ts'
import type { Context } from '../../scripts/context.ts'
import { AquaError } from '../../scripts/error.ts'
import { Secret } from '../../scripts/secret.ts'
import type { Io } from '../../scripts/step.ts'

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
  const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
  assert.match(s3Error(new TypeError('fetch failed', { cause }), connection, 'read x')?.message ?? '', 'ECONNREFUSED')
})

test('a presigned address that nobody answers is an error with a way out, and the object is said to be left', async () => {
  const server = http.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  const env = {
    S3_ENDPOINT: `http://127.0.0.1:${port}`,
    MINIO_ROOT_USER: 'root',
    MINIO_ROOT_PASSWORD: new Secret('x'.repeat(20)),
  }
  const keys = { PAYMENT_S3_ACCESS_KEY: 'p', PAYMENT_S3_SECRET_KEY: new Secret('y'.repeat(20)) }
  const stack = { stage: 'dev', project: 'p', files: [], docker: 'docker', env: { ...env, ...keys } } as const
  const warned: string[] = []
  const io = {
    signal: new AbortController().signal,
    progress: () => {},
    out: { warn: (text: string) => warned.push(text) },
  } as unknown as Io
  const error = await roundTripStep({ platform: 'linux' } as Context, stack, 'put', 16)
    .act(io)
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
  assert.is((error as AquaError).code, 'S3_UNREACHABLE')
  assert.match(warned.join(), /^aqua\/round-trip-\S+ may be left in aquastream-payment$/)
})

test('a reader who has enough ends a download; another failure of the stream fails it', async () => {
  const client = {
    send: async () => ({ Body: Readable.from([Buffer.from('one'), Buffer.from('two')]), ContentLength: 6 }),
  } as unknown as S3Client
  const closed = (code: string) =>
    new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })) })
  const get = (to: Writable) => download(client, { Bucket: 'b', Key: 'k' }, to, new AbortController().signal)
  assert.ok((await get(closed('EPIPE'))) > 0)
  const failed = await get(closed('EIO')).then(
    () => '',
    (error: Error) => error.message,
  )
  assert.is(failed, 'EIO')
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
