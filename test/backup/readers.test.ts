import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TarCheck } from '../../backup/readers.ts'
import { failure, has, scratch, testIf, through } from './fixture.ts'

const folder = scratch('tar')
for (const [name, size] of [
  ['empty', 0],
  ['one', 1],
  ['block', 512],
  ['big', 70_001],
] as const)
  fs.writeFileSync(path.join(folder, name), randomBytes(size))
// Longer than the 100 bytes of a plain header's name.
const long = path.join('a'.repeat(60), 'b'.repeat(60))
fs.mkdirSync(path.join(folder, long), { recursive: true })
fs.writeFileSync(path.join(folder, long, 'вода'), 'x')

async function members(tar: Buffer): Promise<number> {
  const check = new TarCheck()
  const pieces = Array.from({ length: Math.ceil(tar.length / 700) }, (_, i) => tar.subarray(i * 700, (i + 1) * 700))
  await pipeline(Readable.from(pieces), check)
  return check.members
}

testIf(has('tar'), 'tar is not installed')(
  'tar archives of every format pass; cut or changed ones do not',
  async () => {
    for (const format of ['ustar', 'gnu', 'pax'].map((name) =>
      process.platform === 'darwin' ? [] : [`--format=${name}`],
    )) {
      const tar = through(['tar', ...format, '-C', folder, '-cf', '-', '.'], Buffer.alloc(0))
      assert.ok((await members(tar)) >= 7)
      for (const cut of [1, 511, 512, 1000, tar.length >> 1]) await failure(members(tar.subarray(0, cut)))
      for (const at of [0, 100, 130, 150, 257]) {
        const broken = Buffer.from(tar)
        broken[at] = (broken[at] ?? 0) ^ 4
        await failure(members(broken))
      }
      await failure(members(Buffer.concat([tar, Buffer.from('x'.repeat(512))])))
    }
    await failure(members(Buffer.alloc(512)))
    assert.is(await members(Buffer.alloc(1024)), 0)
  },
)

test.run()
