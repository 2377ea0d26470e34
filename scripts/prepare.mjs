// npm's `prepare`. `npx aqua` before `npm ci` makes npm run this too, without dependencies: failing then would leave npx's cache
// broken for good. Nothing is built in that case; the bin itself says what is missing.
import { createRequire } from 'node:module'

try {
  createRequire(import.meta.url).resolve('esbuild')
} catch {
  process.exit(0)
}
await import('./build.mjs')
