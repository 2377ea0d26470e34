import type { Context } from '../../scripts/context.ts'
import { AquaError } from '../../scripts/error.ts'
import type { OptionSpecs, Stage } from '../../scripts/task.ts'
import { stages } from '../../scripts/task.ts'
import { thirdPartyImages } from '../images/catalogue.ts'
import { imageName } from '../serviceimages.ts'
import { type Service, services } from '../services.ts'
import { loadStack } from '../stack.ts'
import { onlyOption } from '../up.ts'

/** On the command line of every task that reads images. */
export const targetOptions = {
  stage: { type: 'string', choices: stages, default: 'dev', describe: 'whose IMAGE_PREFIX and IMAGE_TAG' },
  only: onlyOption('the images of these services'),
  image: { type: 'string', array: true, placeholder: '<name>', describe: 'these images, whosever they are' },
  all: { type: 'boolean', describe: 'also databases, cache and object storage' },
} as const satisfies OptionSpecs

export interface TargetArgs {
  stage: Stage
  /** Empty: all seven. */
  only: readonly Service[]
  /** Not empty: these and no other. */
  image: readonly string[]
  all: boolean
}

export interface Targets {
  images: string[]
  /** Those of them that are the services', which must hold Spring Boot and a JRE. */
  ofServices: ReadonlySet<string>
  docker: string
  /** Put before the names of images that are pulled; empty without a mirror. */
  mirror: string
}

/** The images that a command line means, by name; whether they exist is for later. */
export async function findTargets(ctx: Context, args: TargetArgs): Promise<Targets> {
  const { stack } = await loadStack(ctx, args.stage, { fileOptional: true })
  const mirror = String(stack.env.AQUA_REGISTRY ?? '')
  if (args.image.length > 0)
    return { images: [...new Set(args.image)], ofServices: new Set(), docker: stack.docker, mirror }
  if (!stack.env.IMAGE_TAG)
    throw new AquaError('IMAGE_TAG_MISSING', `nothing says which images ${args.stage} runs: IMAGE_TAG has no value`, {
      exit: 'missing',
      hint: `aqua env init ${args.stage}, or name them with --image`,
    })
  const own = (args.only.length > 0 ? args.only : services).map((service) => imageName(stack.env, service))
  const others = thirdPartyImages
    .filter(({ buildOnly, key }) => !buildOnly && key !== 'RUNTIME_IMAGE')
    .map(({ key }) => String(stack.env[key]))
  return { images: [...own, ...(args.all ? others : [])], ofServices: new Set(own), docker: stack.docker, mirror }
}
