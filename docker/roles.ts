import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import { Secret, unwrap } from '../scripts/secret.ts'
import type { ActStep } from '../scripts/step.ts'
import { compose, type Stack } from './engine.ts'
import { type InitRun, initArgv, lookInit, runInit } from './oneshot.ts'
import { services } from './services.ts'

const run: InitRun = { name: 'postgres-init', of: 'postgres', timeoutMs: 120_000 }

/** How the lines begin that name a role nobody needs any more. */
const unneeded = 'no longer needed: '

/** Every service's role, schema, rights and password as the catalogue and the env file have them. `look`: tell what is needed. */
export async function rolesStep(ctx: Pick<Context, 'probe'>, stack: Stack, look: boolean): Promise<ActStep> {
  const roles = services.flatMap(({ role }) => role ?? [])
  return {
    title: 'roles',
    effect: 'write',
    would: [initArgv(stack, run).join(' '), ...((look && (await lookInit(ctx, stack, run))) || [])],
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

/**
 * The operators' role gets the password of the env file, over the server's own socket, where none is asked for: a volume outlives
 * the env file that it was made with. psql computes the verifier, so that the password is in no statement and no log.
 */
export function superuserStep(stack: Stack): ActStep {
  const user = String(stack.env.POSTGRES_USER)
  const psql = ['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-U', user, '-d', 'postgres', '-c', '\\password']
  const argv = compose(stack, 'exec', '-T', 'postgres', ...psql)
  return {
    title: `password of ${user}`,
    effect: 'write',
    would: [argv.join(' ')],
    async act(io) {
      const password = unwrap(stack.env.POSTGRES_PASSWORD ?? '')
      await io.run(argv, {
        env: stack.env,
        input: new Secret(`${password}\n${password}\n`),
        explain: ({ stderr }) =>
          new AquaError('SUPERUSER', `the password of ${user} could not be set`, {
            details: stderr
              .split('\n')
              .filter((line) => line !== '')
              .slice(-5),
            hint: 'postgres has to run, and POSTGRES_USER to be the role that its volume was made with: aqua ps',
          }),
      })
      io.done(`password of ${user}: as in the env file`)
    },
  }
}
