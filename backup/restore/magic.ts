import type { Readable } from 'node:stream'
import { AquaError } from '../../scripts/error.ts'
import type { Packed } from '../archive.ts'

const signs: readonly [what: string, sign: Buffer][] = [
  ['encrypted by age', Buffer.from('age-encryption.org/v1\n')],
  ['compressed by gzip', Buffer.from([0x1f, 0x8b])],
  ['compressed by zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['a dump in the custom format', Buffer.from('PGDMP')],
]

const longest = Math.max(...signs.map(([, sign]) => sign.length))

/** Refuse a file whose first bytes are not what its name promises: it would only fail later, and less clearly. */
export async function checkMagic({ store, name, compression, encrypted }: Packed): Promise<void> {
  const head = await firstBytes(await store.read(name))
  const promised = encrypted
    ? signs[0]
    : compression === 'gzip'
      ? signs[1]
      : compression === 'zstd'
        ? signs[2]
        : signs[3]
  if (!promised || head.subarray(0, promised[1].length).equals(promised[1])) return
  const found = signs.find(([, sign]) => head.subarray(0, sign.length).equals(sign))
  const is = head.length === 0 ? 'is empty' : found ? `is ${found[0]}` : 'is something else'
  throw new AquaError('WRONG_SUFFIX', `${name} should be ${promised[0]} by its name, but ${is}`, {
    exit: 'problems',
    hint: found
      ? 'give it the name that fits: .dump, .dump.gz, .dump.zst, .age at the end'
      : 'it is damaged or no backup',
  })
}

async function firstBytes(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer)
    length += (chunk as Buffer).length
    if (length >= longest) break
  }
  stream.destroy()
  return Buffer.concat(chunks)
}
