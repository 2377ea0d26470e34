// Start-up of what answers from the manifest, against bare node in the same run, interleaved. Median of 21.
//   node bench/startup.mjs
import { spawnSync } from 'node:child_process'
import path from 'node:path'

const bin = path.join(import.meta.dirname, '..', 'scripts', 'aqua.cjs')
const cases = {
  node: ['-e', '0'],
  '--version': [bin, '--version'],
  '--help': [bin, '--help'],
  'a typo': [bin, 'upp-dev'],
  completion: [bin, '__complete', 'up', '--'],
}
const limits = { '--version': 1.2, '--help': 1.6, 'a typo': 1.6, completion: 1.6 }

/** @type {Record<string, number[]>} */
const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]))
for (let round = 0; round < 23; round++)
  for (const [name, args] of Object.entries(cases)) {
    const started = process.hrtime.bigint()
    spawnSync(process.execPath, args, { stdio: 'ignore' })
    // The first two rounds fill the page cache.
    if (round >= 2) times[name]?.push(Number(process.hrtime.bigint() - started) / 1e6)
  }
const median = (/** @type {number[]} */ list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0
const floor = median(times.node ?? [])
for (const [name, list] of Object.entries(times)) {
  const ratio = median(list) / floor
  const limit = limits[/** @type {keyof typeof limits} */ (name)]
  process.stdout.write(
    `${name.padEnd(12)} ${median(list).toFixed(0).padStart(4)} ms  ${ratio.toFixed(2)} ×${limit ? ` (goal ≤ ${limit})` : ''}\n`,
  )
}
