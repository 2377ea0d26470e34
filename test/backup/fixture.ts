import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isAquaError } from '../../scripts/error.ts'

/** A folder of this test's own, removed when the process ends. */
export function scratch(name: string): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `aqua-${name}-`))
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** True when the program can be started: what needs it is skipped otherwise, by name. */
export function has(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined
}

/** `test` where `there` holds; otherwise a skip whose reason the output shows. */
export function testIf(there: boolean, reason: string): typeof test {
  return there ? test : (((name: string) => test.skip(name, reason as never)) as unknown as typeof test)
}

/** Run a program on bytes; its output, or an error with what it said. */
export function through(argv: readonly string[], input: Uint8Array): Buffer {
  const [file = '', ...args] = argv
  const ran = spawnSync(file, args, { input, maxBuffer: 1 << 30 })
  if (ran.status !== 0) throw new Error(`${argv.join(' ')}: ${ran.error ?? ran.stderr}`)
  return ran.stdout
}

/** Feed bytes through streams, in pieces of odd sizes, and collect what comes out. */
export async function pass(input: Uint8Array, ...streams: NodeJS.ReadWriteStream[]): Promise<Buffer> {
  const out: Buffer[] = []
  await pipeline([
    Readable.from(pieces(input)),
    ...streams,
    async (source: AsyncIterable<Buffer>) => {
      for await (const chunk of source) out.push(chunk)
    },
  ] as never)
  return Buffer.concat(out)
}

function* pieces(input: Uint8Array): Iterable<Buffer> {
  const sizes = [1, 65_536, 7, 100_003, 16_384]
  for (let at = 0, turn = 0; at < input.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    yield Buffer.from(input.subarray(at, at + size))
    at += size
  }
}

/** Bytes that compress about as a dump does: words over and over, some noise between. */
export function sample(bytes: number): Buffer {
  const noise = randomBytes(4096)
  const words: string[] = []
  for (let length = 0; length < bytes; ) {
    const at = words.length
    const word = `${at}\tuser${at % 977}@example.org\t${noise.readUInt32LE((at * 4) % 4092)}\t2026-01-01 00:00:${at % 60}\n`
    words.push(word)
    length += word.length
  }
  return Buffer.from(words.join('')).subarray(0, bytes)
}

export function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/** The error of work that has to fail. */
export async function failure(work: Promise<unknown>): Promise<Error> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.instance(outcome, Error, 'it did not fail')
  return outcome as Error
}

/** The AquaError's code of work that has to be refused. */
export async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await failure(work)
  if (!isAquaError(error)) throw error
  return error.code
}
