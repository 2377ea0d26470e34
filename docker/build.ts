import type { Loaded } from '../env/load.ts'
import type { Context } from '../scripts/context.ts'
import type { Step } from '../scripts/step.ts'
import type { OptionSpecs, Stage } from '../scripts/task.ts'
import { requireCache } from './bake.ts'
import type { Stack } from './engine.ts'
import type { ImageKey } from './images/catalogue.ts'
import { jarStep, planJars } from './jars.ts'
import { findBuildTool, findJdk } from './jdk.ts'
import { lockStep } from './lock.ts'
import { type Destination, imageStep, localImages } from './serviceimages.ts'
import { type Service, services } from './services.ts'
import { loadStack, placeholders, withImages } from './stack.ts'
import { chosenSource, type ImageSource, imagesOfOthers } from './thirdparty.ts'
import { findWorkspace, type Workspace } from './workspace.ts'

/** On the command line of every task that builds. */
export const buildOptions = {
  force: { type: 'boolean', describe: 'rebuild jars and images even when nothing changed' },
  why: { type: 'boolean', describe: 'name the file that causes each rebuild' },
  images: {
    type: 'string',
    choices: ['registry', 'debian'],
    describe: 'where databases and runtimes come from; remembered',
  },
} as const satisfies OptionSpecs

export interface BuildOptions {
  force: boolean
  /** Name the file behind each rebuild. */
  why: boolean
  images: ImageSource | undefined
  /** Other names, a platform, a push; without it the stage's own names on this engine. */
  destination?: Destination
}

export interface Build {
  /** Read anew by each step: the choice of images may change on the way. */
  stack(): Stack
  loaded: Loaded
  workspace: Workspace | undefined
  /** Makes the third-party images ready. */
  imagesOfOthers: Step
  /** Jars and images of ours; empty where nothing is built. */
  ours: Step[]
  source: ImageSource
}

/** What both `up` and `build-images` do before anything starts. */
export async function prepareBuild(
  ctx: Context,
  stage: Stage,
  wanted: readonly Service[],
  keys: readonly ImageKey[],
  builds: boolean,
  options: BuildOptions,
): Promise<Build> {
  const { stack: filled, loaded } = await loadStack(ctx, stage, {
    images: options.images,
    fileOptional: options.destination !== undefined,
  })
  // Nothing starts: compose's files are read for their build sections, whatever the values are.
  const initial = options.destination ? placeholders(filled) : filled
  const { docker } = initial
  const workspace = stage === 'dev' ? findWorkspace(ctx) : undefined
  const remembered = await chosenSource(ctx, options.images)
  const needs: ImageKey[] = [...keys]
  if (builds && workspace) {
    needs.push('RUNTIME_IMAGE')
    const inContainer = findJdk(ctx) === undefined || findBuildTool(workspace.root, ctx) === 'container'
    // The JDK's image is needed only when there is something to build with it.
    if (inContainer && (await planJars(ctx, workspace, options.force)).reason !== undefined) needs.push('JDK_IMAGE')
  }
  const thirdParty = await imagesOfOthers(ctx, { stack: initial, loaded }, needs, options.images)
  const stack = (): Stack => ({
    ...initial,
    env: { ...withImages(initial.env, thirdParty.names()), ...(workspace ? { AQUA_WORKSPACE: workspace.root } : {}) },
  })
  const { force, why } = options
  const ours =
    builds && workspace
      ? [
          jarStep(ctx, workspace, { force, why, docker, jdkImage: () => thirdParty.names().JDK_IMAGE }),
          imageStep(ctx, initial, workspace, {
            ...(options.destination ?? localImages),
            force,
            why,
            runtime: () => thirdParty.names().RUNTIME_IMAGE,
            wanted,
          }),
        ]
      : []
  return { stack, loaded, workspace, imagesOfOthers: thirdParty.step, ours, source: remembered.source }
}

/** Build jars and images of ours, and start nothing. */
export async function buildSteps(ctx: Context, options: BuildOptions & { only: readonly Service[] }): Promise<Step[]> {
  requireCache(ctx.env, options.destination?.cache)
  const wanted = options.only.length > 0 ? options.only : services
  const build = await prepareBuild(ctx, 'dev', wanted, [], true, options)
  return [lockStep(ctx, build.stack().project, 'build-images'), build.imagesOfOthers, ...build.ours]
}
