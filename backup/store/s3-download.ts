import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

export interface Fetched {
  body: Readable
  etag: string | undefined
  /** Of the whole object. */
  bytes: number
}

/** Ask for the object from byte `at` on; with `etag` only if it is still the same object. */
export type Fetch = (at: number, etag: string | undefined) => Promise<Fetched>

const tries = 5

/**
 * The bytes of an object. A connection that breaks or stands still for `stallMs` while bytes are wanted is made anew from
 * where it ended, five times without a byte at most: a restore that takes hours meets one or two, and its own pauses may let
 * the server hang up.
 */
export async function* download(first: Fetched, fetch: Fetch, stallMs: number): AsyncGenerator<Buffer> {
  let { body } = first
  let at = 0
  for (let failed = 0; ; ) {
    const current = body
    try {
      for await (const chunk of watched(current, stallMs)) {
        at += chunk.length
        failed = 0
        yield chunk
      }
      if (at === first.bytes) return
      throw new Error(`the connection ended after ${at} of ${first.bytes} bytes`)
    } catch (error) {
      if (at === first.bytes) return
      failed += 1
      if (failed === tries || at > first.bytes) throw error
      await delay(100 * 2 ** failed)
      body = (await fetch(at, first.etag)).body
    } finally {
      current.destroy()
    }
  }
}

async function* watched(body: Readable, stallMs: number): AsyncGenerator<Buffer> {
  // A body that is destroyed while nobody reads it would otherwise throw from nowhere.
  body.on('error', () => {})
  const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]()
  for (;;) {
    const timer = setTimeout(() => {
      body.destroy(Object.assign(new Error(`no byte for ${stallMs / 1000} s`), { name: 'TimeoutError' }))
    }, stallMs)
    try {
      const { value, done } = await chunks.next()
      if (done) return
      clearTimeout(timer)
      yield value
    } finally {
      clearTimeout(timer)
    }
  }
}
