// npm does not link a package's own bin. Without the link npx installs this folder into a cache of its own at the first call,
// which takes longer, and stays broken for good when that first call was cut short.
import fs from 'node:fs'
import path from 'node:path'

const bin = path.join(import.meta.dirname, '..', 'node_modules', '.bin')
const link = path.join(bin, 'aqua')
fs.mkdirSync(bin, { recursive: true })
fs.rmSync(link, { force: true })
fs.symlinkSync(path.join('..', '..', 'scripts', 'aqua.cjs'), link)
