import fs from 'node:fs'
import path from 'node:path'
import type { Context } from '../scripts/context.ts'
import type { ActStep, EnvMap, Io } from '../scripts/step.ts'
import { type BakeOptions, bakeCommand, bakeError } from './bake.ts'
import type { Stack } from './engine.ts'
import { digest, type Fingerprint, firstDifference, Hasher } from './fingerprint.ts'
import { fingerprintLabel, type Image, imagesOf } from './inspect.ts'
import { requireJars } from './jars.ts'
import { type Revision, revisionOf } from './revision.ts'
import { type Service, services } from './services.ts'
import { readState, writeState } from './state.ts'
import type { Workspace } from './workspace.ts'

export interface ServiceImage {
  service: Service
  name: string
  inputs: Fingerprint
  fingerprint: string
  /** Why it has to be built; undefined when it is up to date. */
  reason: string | undefined
  image: Image | undefined
}

type Inputs = Record<string, Fingerprint>

/** `aquastream/backend-user:dev` */
export function imageName(env: EnvMap, service: Service): string {
  return `${env.IMAGE_PREFIX ?? ''}${service.name}:${env.IMAGE_TAG ?? ''}`
}

/** Which images are made from exactly these jars, this Dockerfile and this runtime. The image's label remembers. */
export async function planImages(
  ctx: Context,
  io: Pick<Io, 'probe'>,
  stack: Stack,
  workspace: Workspace,
  runtime: string,
  force: boolean,
  wanted = services,
): Promise<ServiceImage[]> {
  const jars = requireJars(workspace, wanted)
  const hasher = new Hasher(ctx)
  const recipe = ['service', 'health'].flatMap((folder) =>
    fs
      .readdirSync(path.join(ctx.root, 'docker', 'images', folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name)),
  )
  const names = wanted.map((service) => imageName(stack.env, service))
  const [shared, present] = await Promise.all([
    hasher.all(ctx.root, recipe),
    imagesOf(io, stack.docker, [runtime, ...names]),
  ])
  const before = (await readState<Inputs>(ctx, 'images-inputs')) ?? {}
  const runtimeId = present.get(runtime)?.Id ?? runtime
  const planned = await Promise.all(
    wanted.map(async (service): Promise<ServiceImage> => {
      const jar = jars.get(service.name) ?? ''
      const name = imageName(stack.env, service)
      const inputs: Fingerprint = {
        ...shared,
        [jar]: await hasher.file(path.join(workspace.root, jar)),
        [`runtime ${runtime}`]: runtimeId,
        port: String(service.port),
      }
      const fingerprint = digest(inputs)
      const image = present.get(name)
      const same = image?.Config?.Labels?.[fingerprintLabel] === fingerprint
      const reason = force
        ? '--force'
        : same
          ? undefined
          : !image
            ? 'there is no image yet'
            : (firstDifference(before[name], inputs) ?? 'built elsewhere')
      return { service, name, inputs, fingerprint, reason, image }
    }),
  )
  await hasher.save()
  return planned
}

/** What the dev overlay's build sections ask for, exact. */
export function buildEnv(ctx: Context, workspace: Workspace, images: readonly ServiceImage[]): Record<string, string> {
  const env: Record<string, string> = {
    AQUA_WORKSPACE: workspace.root,
    AQUA_DOCKERFILE: path.join(ctx.root, 'docker', 'images', 'service', 'Dockerfile'),
  }
  const jars = requireJars(
    workspace,
    images.map((image) => image.service),
  )
  for (const { service, fingerprint } of images) {
    const key = service.short.toUpperCase()
    env[`AQUA_${key}_JAR`] = jars.get(service.name) ?? ''
    env[`AQUA_${key}_FINGERPRINT`] = fingerprint
  }
  return env
}

/** How images are named and where they go; `localImages` is what `up` needs. */
export type Destination = Omit<BakeOptions, 'metadataFile' | 'revision'>

export const localImages: Destination = {
  tags: [],
  platform: undefined,
  push: false,
  cache: undefined,
  version: undefined,
}

export interface ImageStepOptions extends Destination {
  force: boolean
  why: boolean
  runtime: () => string
  wanted?: readonly Service[]
}

/** Build the images whose inputs changed, all in one call so that they share context and cache. */
export function imageStep(ctx: Context, stack: Stack, workspace: Workspace, options: ImageStepOptions): ActStep {
  const wanted = options.wanted ?? services
  const metadataFile = path.join(ctx.stateDir, 'build-metadata.json')
  const command = (list: readonly Service[], revision: Revision | undefined) =>
    bakeCommand(ctx, stack, list, { ...options, revision, metadataFile })
  // Under names that were asked for, an image is made whatever bears the stage's own name.
  const all = options.force || options.push || options.tags.length > 0
  return {
    title: 'images',
    effect: 'write',
    would: [`${command(wanted, undefined).join(' ')}${all ? '' : ' (those whose inputs changed)'}`],
    async act(io) {
      const planned = await planImages(ctx, io, stack, workspace, options.runtime(), all, wanted)
      const stale = planned.filter((image) => image.reason !== undefined)
      if (options.why) for (const image of stale) io.out.note(`${image.name}: ${image.reason}`)
      if (stale.length === 0) return io.done('images: unchanged')
      const env = { ...stack.env, ...buildEnv(ctx, workspace, planned), RUNTIME_IMAGE: options.runtime() }
      const revision = await revisionOf({ probe: io.probe }, workspace.root)
      const argv = command(
        stale.map((image) => image.service),
        revision,
      )
      // Bake looks for the files that the compose files name from where it stands.
      const cwd = path.dirname(stack.files[0] ?? ctx.root)
      const result = await io.run(argv, { cwd, env, explain: bakeError })
      const sent = contextBytes(`${result.stdout}\n${result.stderr}`)
      await writeState(ctx, 'images-inputs', {
        ...((await readState<Inputs>(ctx, 'images-inputs')) ?? {}),
        ...Object.fromEntries(planned.map((image) => [image.name, image.inputs])),
      })
      const context = `${(sent / 1e6).toFixed(1)} MB of context sent`
      io.done(`images: ${stale.length} built, ${planned.length - stale.length} unchanged, ${context}`)
      io.result({
        serviceImages: {
          built: stale.map((image) => image.name),
          reasons: Object.fromEntries(stale.map((image) => [image.name, image.reason])),
          contextBytes: sent,
        },
      })
    },
  }
}

/** BuildKit says what it was sent: `#7 transferring context: 33.25MB 0.2s done`. */
function contextBytes(said: string): number {
  let sent = 0
  for (const line of said.matchAll(/transferring context: ([\d.]+)(k|M|G)?B [\d.]+s done/g))
    sent += Number(line[1]) * ({ k: 1e3, M: 1e6, G: 1e9 }[line[2] ?? ''] ?? 1)
  return sent
}
