// Is dist/ made from the sources as they are now? Compared by size and modification time of every input, both ways:
// a checkout of an older commit counts as changed, as does a new or a removed file.
'use strict'
const fs = require('node:fs')
const path = require('node:path')

const rooms = ['scripts', 'tasks', 'env', 'docker', 'backup', 'ci']
const stampFile = path.join('dist', 'inputs.json')

function* sources(folder) {
  let entries
  try {
    entries = fs.readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    if (error.code === 'ENOENT') return
    throw error
  }
  for (const entry of entries) {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) {
      // Images, artifacts and the like hold no code and may be large.
      if (entry.name !== 'artifacts' && entry.name !== 'node_modules') yield* sources(file)
    } else if (/\.(ts|mjs|cjs)$/.test(entry.name)) yield file
  }
}

/** One line per input; equal text means an equal tree. */
function stamp(root) {
  const lines = []
  for (const room of rooms)
    for (const file of sources(path.join(root, room))) {
      const { size, mtimeMs } = fs.statSync(file)
      lines.push(`${path.relative(root, file)} ${size} ${mtimeMs}`)
    }
  return lines.sort().join('\n')
}

/** An installed package carries no stamp file and no tsconfig: there is nothing to follow. */
function isFresh(root) {
  let recorded
  try {
    recorded = fs.readFileSync(path.join(root, stampFile), 'utf8')
  } catch {
    const has = (...names) => fs.existsSync(path.join(root, ...names))
    return has('dist', 'entry.cjs') && !has('tsconfig.json')
  }
  return recorded === stamp(root)
}

module.exports = { isFresh, stamp, stampFile }
