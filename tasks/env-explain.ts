import { explain } from '../env/explain.ts'
import { loadEnv } from '../env/load.ts'
import { schema, variableOf } from '../env/schema.ts'
import { AquaError } from '../scripts/error.ts'
import { nearest } from '../scripts/suggest.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'Tell what a variable is for, its value, where that comes from and who receives it',
  group: 'Environment',
  effect: 'read',
  positionals: {
    name: { type: 'string', required: true, describe: 'a variable, such as POSTGRES_PORT' },
  },
  options: {
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'whose value' },
  },
  examples: ['aqua env explain POSTGRES_PORT', 'aqua env explain IMAGE_TAG --stage prod'],
  notes: ['The value of a secret is never shown.'],
  async plan({ name, stage }, ctx) {
    const wanted = name.toUpperCase()
    const variable = variableOf(wanted)
    if (!variable) {
      const names = schema.map((known) => known.name)
      const guess = nearest(wanted, names)
      throw new AquaError('UNKNOWN_VARIABLE', `there is no variable ${wanted}`, {
        exit: 'usage',
        hint: guess ? `did you mean ${guess}?` : 'env/.env.example lists them all',
      })
    }
    const loaded = await loadEnv(ctx, stage, { fileOptional: true })
    const facts = explain(variable, loaded)
    return [
      {
        title: `explain ${variable.name}`,
        effect: 'read',
        async act(io) {
          io.result(facts.result)
          for (const line of facts.lines) io.out.print(line)
        },
      },
    ]
  },
})
