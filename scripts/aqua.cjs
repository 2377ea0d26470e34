#!/usr/bin/env node
// The bin. Plain CommonJS: it starts ten milliseconds sooner than an ES module and must run before anything is built.
'use strict'
const path = require('node:path')

const root = path.dirname(__dirname)
const { version } = require('../package.json')
const argv = process.argv.slice(2)

function fail(message, hint) {
  process.stderr.write(`aqua: error: ${message}\naqua: hint: ${hint}\n`)
  process.exitCode = 3
}

/** In a checkout the bundle follows the sources: a task edited a second ago runs as edited. */
function ensureFresh() {
  const { isFresh } = require('./fresh.cjs')
  if (isFresh(root)) return true
  if (!require('node:fs').existsSync(path.join(root, 'node_modules', 'esbuild'))) {
    fail('the dependencies are not installed', 'npm ci')
    return false
  }
  const { spawnSync } = require('node:child_process')
  const built = spawnSync(process.execPath, [path.join(__dirname, 'build.mjs')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (built.status !== 0) fail('the bundle could not be built from the sources', 'npm ci, then look at the error above')
  return built.status === 0
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (argv[0] === '--version' || argv[0] === '-V') {
  process.stdout.write(`${version}\n`)
} else if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Node ${process.versions.node} is too old, aqua needs 20.19 or newer`, 'install Node 24')
} else if (ensureFresh()) {
  const dist = path.join(root, 'dist')
  const { start } = require(path.join(dist, 'entry.cjs'))
  start(argv, version, () => import(require('node:url').pathToFileURL(path.join(dist, 'main.js')).href)).then(
    (code) => {
      process.exitCode = code
    },
    (error) => {
      process.stderr.write(`${error?.stack ? error.stack : error}\naqua: error: this is a bug in aqua\n`)
      process.exitCode = 1
    },
  )
}
