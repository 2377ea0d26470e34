// Runs one case: how long, how much memory at its highest.
import { spawn } from 'node:child_process'
import fs from 'node:fs'

/**
 * @param {readonly string[]} argv @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ seconds: number, peakMiB: number | undefined }>} `peakMiB` of this very process, not of its children;
 *   undefined where there is no /proc
 */
export function timed(argv, env) {
  const [program = '', ...args] = argv
  const started = process.hrtime.bigint()
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said = (said + text).slice(-4000)
  })
  /** @type {number | undefined} */
  let peakMiB
  // The kernel keeps the high-water mark itself: the last look before the end is enough.
  const timer = setInterval(() => {
    try {
      const status = fs.readFileSync(`/proc/${child.pid}/status`, 'utf8')
      const kibibytes = /VmHWM:\s+(\d+) kB/.exec(status)?.[1]
      if (kibibytes) peakMiB = Number(kibibytes) / 1024
    } catch {
      // No /proc, or the process has just ended.
    }
  }, 20)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      clearInterval(timer)
      const seconds = Number(process.hrtime.bigint() - started) / 1e9
      if (code === 0) resolve({ seconds, peakMiB })
      else reject(new Error(`${argv.join(' ')} exited with ${code}\n${said}`))
    })
  })
}

/** @param {readonly number[]} list */
export function median(list) {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN
}

/** Bytes of all files in a folder. @param {string} folder */
export function sizeOf(folder) {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + fs.statSync(`${entry.parentPath}/${entry.name}`).size, 0)
}
