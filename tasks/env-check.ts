import { checkEnv } from '../env/check.ts'
import { loadEnv, stagesWithFile } from '../env/load.ts'
import { AquaError } from '../scripts/error.ts'
import { table } from '../scripts/table.ts'
import { stages, task } from '../scripts/task.ts'

export default task({
  summary: 'Check the variables of a stage: missing, malformed, weak, misspelt',
  group: 'Environment',
  effect: 'read',
  positionals: {
    stage: { type: 'string', choices: stages, describe: 'which one; without it, every stage that has a file' },
  },
  examples: ['aqua env check', 'aqua env check prod', 'aqua env check prod --json'],
  notes: ['Warnings alone exit 0, errors exit 5. Weak secrets are warnings in dev and errors elsewhere.'],
  async plan({ stage }, ctx) {
    const chosen = stage ? [stage] : await stagesWithFile(ctx)
    if (chosen.length === 0)
      throw new AquaError('ENV_FILE_MISSING', 'no stage has a file with variables', {
        exit: 'missing',
        hint: 'aqua env init dev',
      })
    const loaded = await Promise.all(chosen.map((one) => loadEnv(ctx, one)))
    return [
      {
        title: `check ${loaded.map(({ file }) => file).join(', ')}`,
        effect: 'read',
        async act(io) {
          const findings = loaded.flatMap((one) => checkEnv(one).map((finding) => ({ stage: one.stage, ...finding })))
          const errors = findings.filter(({ level }) => level === 'error').length
          io.result({ stages: chosen, errors, warnings: findings.length - errors, findings })
          const rows = findings.map(({ file, line, level, name, message, hint }) => ({
            where: line === undefined ? file : `${file}:${line}`,
            level,
            name,
            problem: message,
            fix: hint,
          }))
          for (const line of rows.length > 0 ? table(rows) : []) io.out.print(line)
          if (errors > 0)
            throw new AquaError(
              'ENV_PROBLEMS',
              `the variables have ${errors === 1 ? 'a problem' : `${errors} problems`}`,
              {
                exit: 'problems',
                hint: 'the column FIX says what to do; aqua env explain <name> tells more',
              },
            )
          for (const { file, values } of loaded) io.out.note(`${file}: ${values.size} variables, no errors`)
        },
      },
    ]
  },
})
