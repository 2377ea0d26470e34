import { AquaError } from '../scripts/error.ts'
import type { Io } from '../scripts/step.ts'
import { type Container, containersOf, serviceOf } from './inspect.ts'

export interface FollowOptions {
  docker: string
  project: string
  /** Compose names; empty: all. */
  services: readonly string[]
  follow: boolean
  /** As docker takes it: `10m`, `2026-01-31T12:00:00`. */
  since: string | undefined
  tail: string
  grep: RegExp | undefined
}

/** Print the containers' logs side by side, each line behind its service's name; with `follow` also across restarts. */
export async function showLogs(io: Io, options: FollowOptions): Promise<void> {
  const { docker, project, services } = options
  const wanted = (container: Container) => services.length === 0 || services.includes(serviceOf(container))
  const containers = (await containersOf(io, docker, project)).filter(wanted)
  if (containers.length === 0)
    throw new AquaError('NOT_RUNNING', `${services.join(', ') || project} has no container`, {
      hint: 'aqua up-dev, or aqua ps',
    })
  const width = Math.max(...containers.map((container) => serviceOf(container).length))
  const names = [...new Set(containers.map(serviceOf))]
  await Promise.all(names.map((name) => followOne(io, options, name, name.padEnd(width))))
}

async function followOne(io: Io, options: FollowOptions, name: string, label: string): Promise<void> {
  const { docker, project, grep } = options
  let last = ''
  let since = options.since
  let tail = options.tail
  for (;;) {
    const container = (await containersOf(io, docker, project)).find((one) => serviceOf(one) === name)
    if (container && (container.State.Status !== 'exited' || last === '')) {
      const more = [...(options.follow ? ['--follow'] : []), ...(since ? ['--since', since] : []), '--tail', tail]
      const result = await io.lines([docker, 'logs', '--timestamps', ...more, container.Id], {
        onLine(line) {
          const space = line.indexOf(' ')
          const time = space === -1 ? line : line.slice(0, space)
          // `--since` is inclusive: after a restart the last line would come again.
          if (last !== '' && time <= last) return
          last = time
          const text = space === -1 ? '' : line.slice(space + 1)
          if (!grep || grep.test(text)) io.out.print(`${label} | ${text}`)
        },
      })
      if (!options.follow) {
        if (result.code !== 0)
          throw new AquaError('LOGS', `docker logs ${name} exited with ${result.code}`, {
            hint: 'is --since a time or a span such as 10m?',
          })
        return
      }
    }
    if (!options.follow) return
    // Ended: wait for it, or for its successor, from where the last one stopped.
    if (last !== '') since = last
    tail = 'all'
    await io.sleep(500)
  }
}
