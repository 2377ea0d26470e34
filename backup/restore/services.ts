import type { Stack } from '../../docker/engine.ts'
import { waitHealthy } from '../../docker/health.ts'
import { type Container, containersOf, serviceOf } from '../../docker/inspect.ts'
import { services } from '../../docker/services.ts'
import type { ActStep, Io, Step } from '../../scripts/step.ts'

/** Seconds until what was stopped has to be healthy again. */
const timeout = 300

const withSchema = services.filter(({ schema }) => schema !== undefined).map(({ name }) => name)

/**
 * Steps between a stop and a start of the services that work with the database, whatever becomes of the steps. Only what runs is
 * stopped, and only what was stopped is started.
 */
export function withServicesStopped(stack: Stack, title: string, steps: readonly Step[]): ActStep {
  // The very containers, by the engine itself: compose would want all their dependencies, and every value of its files.
  let stopped: Container[] = []
  const run = (io: Io, verb: 'stop' | 'start') => io.run([stack.docker, verb, ...stopped.map(({ Id }) => Id)])
  return {
    title,
    effect: 'destroy',
    would: [
      `${stack.docker} stop <the running services with a schema>`,
      ...steps.flatMap((step) => ('argv' in step ? [step.argv.join(' ')] : (step.would ?? [step.title]))),
      `${stack.docker} start <the same>`,
    ],
    async act(io) {
      stopped = (await containersOf(io, stack.docker, stack.project)).filter(
        (one) => /^(running|restarting)$/.test(one.State.Status) && withSchema.includes(serviceOf(one)),
      )
      const names = stopped.map(serviceOf)
      try {
        if (stopped.length > 0) {
          io.progress(`stopping ${names.join(', ')}`)
          await run(io, 'stop')
        }
        await io.steps(steps)
      } catch (error) {
        if (!io.signal.aborted && stopped.length > 0)
          await run(io, 'start').catch((second: unknown) =>
            io.out.warn(`the services were not started again: ${second}`),
          )
        throw error
      }
      if (stopped.length === 0 || io.signal.aborted) return
      io.progress(`starting ${names.join(', ')}`)
      const before = await containersOf(io, stack.docker, stack.project)
      await run(io, 'start')
      await waitHealthy(io, {
        docker: stack.docker,
        project: stack.project,
        wanted: new Set(names),
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
