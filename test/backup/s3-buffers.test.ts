import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PartBuffers } from '../../backup/store/s3-buffers.ts'
import { Parts } from '../../backup/store/s3-parts.ts'

const mebibyte = 1024 * 1024

test('24 MiB for all, in turn; two of the longest parts', () => {
  const buffers = new PartBuffers()
  const taken = [1, 2, 3].map(() => buffers.take(8 * mebibyte))
  assert.ok(taken.every((buffer) => buffer?.length === 8 * mebibyte))
  assert.is(buffers.take(8 * mebibyte), undefined)
  const served: string[] = []
  const withdraw = buffers.wait(8 * mebibyte, () => served.push('first'))
  buffers.wait(16 * mebibyte, () => served.push('long'))
  buffers.wait(8 * mebibyte, () => served.push('last'))
  withdraw()
  const [one, two, three] = taken as [Buffer, Buffer, Buffer]
  buffers.giveBack(one)
  assert.equal(served, ['long'], 'the long one is not passed by')
  buffers.giveBack(two)
  assert.equal(served, ['long'])
  buffers.giveBack(three)
  assert.equal(served, ['long', 'last'])
  const long = new PartBuffers()
  assert.ok(long.take(100 * mebibyte) && long.take(100 * mebibyte))
  assert.is(long.take(1), undefined)
})

test('uploads side by side: every byte arrives, and one that fails or is given up takes no memory along', async () => {
  const buffers = new PartBuffers()
  let held = 0
  let most = 0
  const upload = (body: Buffer, send: (part: Buffer) => Promise<void>) => {
    const sent: Buffer[] = []
    const parts = new Parts(
      {
        name: 'a',
        send: async (part, number) => {
          held += 1
          most = Math.max(most, held)
          sent[number - 1] = Buffer.from(part)
          await new Promise((resolve) => setTimeout(resolve, 3))
          held -= 1
          await send(part)
        },
      },
      buffers,
    )
    const slices = function* () {
      for (let at = 0; at < body.length; at += 300_000) yield body.subarray(at, at + 300_000)
    }
    const done = pipeline(Readable.from(slices()), parts).then(
      () => {
        const all = Buffer.concat([...sent, ...(parts.count === 0 ? [parts.only] : [])])
        parts.release()
        return all.equals(body) ? 'whole' : 'damaged'
      },
      (error: Error) => error.message,
    )
    return { parts, done }
  }
  const body = randomBytes(41 * mebibyte + 7)
  const fine = async () => {}
  const broken = async () => {
    throw new Error('refused')
  }
  for (let round = 0; round < 3; round++) {
    const [one, two] = [upload(body, fine), upload(body.subarray(0, 30 * mebibyte), fine)]
    const [small, failing] = [upload(body.subarray(0, mebibyte), fine), upload(body, broken)]
    assert.is(await small.done, 'whole')
    assert.is(await failing.done, 'refused')
    assert.is(await one.done, 'whole')
    assert.is(await two.done, 'whole')
    await failing.parts.settled()
    const given = upload(body, fine)
    given.parts.destroy()
    await given.done
    await given.parts.settled()
  }
  assert.ok(most >= 2 && most <= 3, `${most} parts on their way`)
  const left = [1, 2, 3].map(() => buffers.take(8 * mebibyte))
  assert.ok(left.every(Boolean), 'everything was given back')
})

test.run()
