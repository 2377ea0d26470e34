import { compose, type Stack } from '../../docker/engine.ts'
import { waitHealthy } from '../../docker/health.ts'
import { containersOf, serviceOf } from '../../docker/inspect.ts'
import { services } from '../../docker/services.ts'
import { placeholders } from '../../docker/stack.ts'
import type { ActStep, Io, Step } from '../../scripts/step.ts'

/** Seconds until what was stopped has to be healthy again. */
const timeout = 300

const withSchema = services.filter(({ schema }) => schema !== undefined).map(({ name }) => name)

/**
 * Steps between a stop and a start of the services that work with the database, whatever becomes of the steps. Only what runs is
 * stopped, and only what was stopped is started.
 */
export function withServicesStopped(stack: Stack, title: string, steps: readonly Step[]): ActStep {
  const filled = placeholders(stack)
  let stopped: string[] = []
  const run = (io: Io, verb: 'stop' | 'start') => io.run(compose(filled, verb, ...stopped), { env: filled.env })
  return {
    title,
    effect: 'destroy',
    would: [
      compose(filled, 'stop', '<the running services>').join(' '),
      ...steps.flatMap((step) => ('argv' in step ? [step.argv.join(' ')] : (step.would ?? [step.title]))),
      compose(filled, 'start', '<the same>').join(' '),
    ],
    async act(io) {
      const running = (await containersOf(io, stack.docker, stack.project)).filter(
        ({ State }) => State.Status === 'running' || State.Status === 'restarting',
      )
      stopped = running.map(serviceOf).filter((name) => withSchema.includes(name))
      if (stopped.length > 0) {
        io.progress(`stopping ${stopped.join(', ')}`)
        await run(io, 'stop')
      }
      try {
        await io.steps(steps)
      } catch (error) {
        if (!io.signal.aborted && stopped.length > 0)
          await run(io, 'start').catch((second: unknown) =>
            io.out.warn(`the services were not started again: ${second}`),
          )
        throw error
      }
      if (stopped.length === 0 || io.signal.aborted) return
      io.progress(`starting ${stopped.join(', ')}`)
      const before = await containersOf(io, stack.docker, stack.project)
      await run(io, 'start')
      await waitHealthy(io, {
        docker: stack.docker,
        project: stack.project,
        wanted: new Set(stopped),
        timeout,
        restartsBefore: new Map(before.map(({ Id, RestartCount }) => [Id, RestartCount])),
        creating: () => false,
      })
    },
    async onInterrupt(io) {
      if (stopped.length > 0) await run(io, 'start')
    },
  }
}
