import type { ActStep } from '../scripts/step.ts'
import type { Stack } from './engine.ts'
import { type InitRun, initArgv, runInit } from './oneshot.ts'
import { services } from './services.ts'

const run: InitRun = { name: 'postgres-init', of: 'postgres', timeoutMs: 120_000 }

/** How the lines begin that name a role nobody needs any more. */
const unneeded = 'no longer needed: '

/** Every service's role, schema, rights and password as the catalogue and the env file have them. */
export function rolesStep(stack: Stack): ActStep {
  const roles = services.flatMap(({ role }) => role ?? [])
  return {
    title: 'roles',
    effect: 'write',
    would: [initArgv(stack, run).join(' ')],
    async act(io) {
      const lines = await runInit(io, stack, run)
      const changed = lines.filter((line) => !line.startsWith(unneeded))
      for (const line of changed) io.out.print(line)
      const left = lines.filter((line) => line.startsWith(unneeded)).map((line) => line.slice(unneeded.length))
      for (const line of left) io.out.warn(`no longer needed: ${line}`)
      io.done(`roles: ${changed.length === 0 ? `all ${roles.length} unchanged` : `${changed.length} changes`}`)
      io.result({ roles: roles.map(({ name }) => name), changed, unneeded: left })
    },
  }
}
