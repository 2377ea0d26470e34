import { buildOptions } from '../docker/build.ts'
import { fixSteps } from '../docker/install/plan.ts'
import { smokeStep } from '../docker/smoke.ts'
import { loadStack } from '../docker/stack.ts'
import { upSteps } from '../docker/up.ts'
import { findWorkspace } from '../docker/workspace.ts'
import { envInitStep } from '../env/init.ts'
import { task } from '../scripts/task.ts'

export default task({
  summary: 'From a fresh clone to a healthy stack: doctor --fix, env init, up, smoke',
  group: 'Start here',
  effect: 'write',
  options: {
    images: buildOptions.images,
    timeout: {
      type: 'number',
      default: 300,
      placeholder: '<seconds>',
      describe: 'how long to wait until all is healthy',
    },
  },
  examples: ['aqua quickstart', 'aqua quickstart --images debian', 'aqua quickstart --yes'],
  notes: ['It says what it is about to install. At a terminal it asks first; without one, or with --yes, it goes on.'],
  async plan(args, ctx) {
    const up = { stage: 'dev' as const, only: [], build: true, force: false, why: false, ...args }
    return [
      ...(await fixSteps(ctx)),
      await envInitStep(ctx, 'dev'),
      // Planned when they are reached: they read the env file and ask the engine, which may not be there yet.
      { title: 'up', effect: 'read', would: ['aqua up dev'], act: async (io) => io.steps(await upSteps(ctx, up)) },
      {
        title: 'smoke',
        effect: 'read',
        would: ['aqua smoke dev'],
        async act(io) {
          const { stack } = await loadStack(ctx, 'dev')
          await io.steps([smokeStep(ctx, stack, findWorkspace(ctx))])
        },
      },
    ]
  },
})
