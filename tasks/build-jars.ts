import path from 'node:path'
import { dockerProgram } from '../docker/engine.ts'
import { jarStep, takeJarsStep } from '../docker/jars.ts'
import { findBuildTool, findJdk, oldestJava } from '../docker/jdk.ts'
import { findWorkspace } from '../docker/workspace.ts'
import { AquaError } from '../scripts/error.ts'
import { task } from '../scripts/task.ts'

export default task({
  summary: "Build the services' jars with this machine's JDK, and no image",
  group: 'Build',
  effect: 'write',
  options: {
    tests: { type: 'boolean', describe: 'run the tests of the services; then the build always runs' },
    force: { type: 'boolean', describe: 'rebuild even when nothing changed' },
    from: { type: 'string', placeholder: '<folder>', describe: 'build none; take those that were built elsewhere' },
    why: { type: 'boolean', describe: 'name the file that causes the rebuild' },
  },
  examples: ['aqua build-jars', 'aqua build-jars --tests', 'aqua build-jars --from .aqua/jars'],
  notes: ['--from believes that the jars were made from these very sources: CI builds them once and hands them on.'],
  check({ from, tests, force }) {
    if (from !== undefined && (tests || force))
      throw new AquaError('USAGE', '--from builds nothing: it does not go with --tests or --force', { exit: 'usage' })
  },
  async plan(args, ctx) {
    const workspace = findWorkspace(ctx)
    if (args.from !== undefined) return [takeJarsStep(ctx, workspace, path.resolve(ctx.cwd, args.from))]
    if (findJdk(ctx) === undefined || findBuildTool(workspace.root, ctx) === 'container')
      throw new AquaError('NO_JDK', `there is no JDK ${oldestJava} or newer with a build tool here`, {
        exit: 'missing',
        hint: 'install one, or build jars and images in containers: aqua build-images',
      })
    // Nothing is built in a container here, as made sure above.
    const jdkImage = () => ''
    const { tests, why } = args
    return [jarStep(ctx, workspace, { force: args.force || tests, why, tests, docker: dockerProgram(ctx), jdkImage })]
  },
})
