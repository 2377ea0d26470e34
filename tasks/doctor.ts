import { diagnose, probeMachine, verdict } from '../docker/doctor.ts'
import { fixSteps } from '../docker/install/plan.ts'
import type { Step } from '../scripts/step.ts'
import { table } from '../scripts/table.ts'
import { task } from '../scripts/task.ts'

export default task({
  summary: 'Tell what this machine has and lacks for the stack, and with --fix install it',
  group: 'Start here',
  effect: 'write',
  options: {
    fix: { type: 'boolean', describe: 'install Docker Engine, Compose and buildx, and start the engine' },
    network: { type: 'boolean', describe: 'also ask whether the image registry can be reached' },
  },
  examples: ['aqua doctor', 'aqua doctor --fix --dry-run', 'aqua doctor --fix --yes', 'aqua doctor --json'],
  notes: [
    'Exits 3 when something required is missing; warnings exit 0.',
    "--fix works on Debian, Ubuntu and their relatives, with the distribution's own packages. At a terminal it asks first.",
    'It adds nobody to the group docker, whose members have the rights of root: sudo usermod -aG docker "$USER" does.',
  ],
  async plan({ fix, network }, ctx) {
    const repair = fix ? await fixSteps(ctx) : []
    const look: Step = {
      title: 'look at this machine',
      effect: 'read',
      would: ['docker info; docker ps; git --version; files and ports'],
      async act(io) {
        const findings = diagnose(await probeMachine({ ...ctx, probe: io.probe }, { network }))
        const problem = verdict(findings)
        io.result({ findings, ready: problem === undefined })
        const rows = findings.map(({ requirement, state, found, fix }) => ({
          requirement,
          state,
          found,
          fix: fix ?? '',
        }))
        for (const line of table(rows)) io.out.print(line)
        if (problem) throw problem
        if (fix && repair.length === 0) io.done('nothing to install: this machine is ready')
      },
    }
    return [...repair, look]
  },
})
