import { showLogs } from '../docker/follow.ts'
import { backing, backupContainer, composeName, serviceNames, shortNames } from '../docker/services.ts'
import { loadStack } from '../docker/stack.ts'
import { AquaError } from '../scripts/error.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'Show the logs of services, and follow them across restarts',
  group: 'Look',
  effect: 'read',
  positionals: {
    services: {
      type: 'string',
      array: true,
      choices: [...shortNames, ...serviceNames, ...backing.map(({ name }) => name), backupContainer.name],
      describe: 'which (default: all)',
    },
  },
  options: {
    follow: { type: 'boolean', alias: 'f', describe: 'go on with new lines until Ctrl-C' },
    since: { type: 'string', placeholder: '<time>', describe: 'from then on: 10m, 2h, 2026-01-31T12:00:00' },
    tail: { type: 'string', default: '200', placeholder: '<lines>', describe: 'so many last lines of each, or all' },
    grep: { type: 'string', placeholder: '<pattern>', describe: 'only lines that match this regular expression' },
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
  },
  examples: ['aqua logs user --follow', 'aqua logs --since 10m --grep ERROR', 'aqua logs postgres gateway'],
  check(args) {
    if (args.tail !== 'all' && !/^\d+$/.test(args.tail))
      throw new AquaError('USAGE', '--tail takes a number or "all"', { exit: 'usage', hint: '--tail 200' })
    pattern(args.grep)
  },
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, args.stage, { fileOptional: true })
    const services = args.services.flatMap((name) => composeName(name) ?? [])
    const { follow, since, tail } = args
    const options = {
      docker: stack.docker,
      project: stack.project,
      services,
      follow,
      since,
      tail: since ? 'all' : tail,
      grep: pattern(args.grep),
    }
    return [
      {
        title: 'logs',
        effect: 'read',
        would: [`${stack.docker} logs --timestamps --tail ${tail} <each container of ${stack.project}>`],
        act: (io) => showLogs(io, options),
      },
    ]
  },
})

function pattern(text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined
  try {
    return new RegExp(text)
  } catch (error) {
    throw new AquaError('USAGE', `--grep: ${error instanceof Error ? error.message.toLowerCase() : error}`, {
      exit: 'usage',
      hint: 'escape it, e.g. \\(',
    })
  }
}
