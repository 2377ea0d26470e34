import fs from 'node:fs/promises'
import path from 'node:path'
import { testPlan } from '../ci/testplan.ts'
import { task } from '../scripts/task.ts'

const file = path.join('docs', 'ci-test-plan.md')

export default task({
  summary: 'Write the test plan of the workflows, docs/ci-test-plan.md',
  group: 'CI',
  effect: 'write',
  examples: ['aqua ci-test-plan'],
  plan: (_, ctx) => [
    {
      title: file,
      effect: 'write',
      would: [`write ${file}`],
      act: () => fs.writeFile(path.join(ctx.root, file), testPlan()),
    },
  ],
})
