import { dockerProgram } from '../docker/engine.ts'
import { loadStack } from '../docker/stack.ts'
import { statusRows } from '../docker/up.ts'
import { table } from '../scripts/table.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'Show every container with its health and address',
  group: 'Look',
  effect: 'read',
  positionals: { stage: { type: 'string', choices: stages, describe: 'which environment', default: 'dev' } },
  aliases: { status: [] },
  examples: ['aqua ps', 'aqua status stage', 'aqua ps --json'],
  async plan(args, ctx) {
    const { stack } = await loadStack(ctx, args.stage, { fileOptional: true })
    return [
      {
        title: `containers of ${stack.project}`,
        effect: 'read',
        would: [`${dockerProgram(ctx)} ps --filter label=com.docker.compose.project=${stack.project}`],
        async act(io) {
          const rows = await statusRows(io, stack)
          io.result({ project: stack.project, services: rows })
          if (rows.length === 0) io.out.note(`nothing runs as ${stack.project}; aqua up ${args.stage} starts it`)
          else for (const line of table(rows)) io.out.print(line)
        },
      },
    ]
  },
})
