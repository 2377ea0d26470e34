import fs from 'node:fs'
import path from 'node:path'
import type { Loaded } from '../env/load.ts'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import type { ActStep, CommandResult, EnvMap, Io } from '../scripts/step.ts'
import { debianMirror } from './apt.ts'
import type { Stack } from './engine.ts'
import { digest, Hasher } from './fingerprint.ts'
import { debianSuite, type ImageKey, type ThirdPartyImage, thirdPartyImages } from './images/catalogue.ts'
import { fingerprintLabel, imagesOf } from './inspect.ts'
import { readState, writeFileWhole, writeState } from './state.ts'

export type ImageSource = 'registry' | 'debian'

interface Choice {
  source: ImageSource
  /** Why, when aqua chose by itself. */
  because?: string
}

/** `--images`, else what was remembered, else the registry. */
export async function chosenSource(ctx: Context, asked: ImageSource | undefined): Promise<Choice> {
  return asked ? { source: asked } : ((await readState<Choice>(ctx, 'images')) ?? { source: 'registry' })
}

/** The name of every image under a choice; a variable of the same name in the environment wins. */
export function imageNames(source: ImageSource, overrides: EnvMap, mirror = ''): Record<ImageKey, string> {
  const name = (image: ThirdPartyImage) => {
    const override = overrides[image.key]
    if (override) return String(override)
    return source === 'registry' && image.registry ? `${mirror}${image.registry}` : image.debian
  }
  return Object.fromEntries(thirdPartyImages.map((image) => [image.key, name(image)])) as Record<ImageKey, string>
}

/** Remember a choice, and write it down for plain `docker compose --env-file env/.env.dev --env-file .aqua/images.env`. */
async function remember(ctx: Context, choice: Choice): Promise<void> {
  await writeState(ctx, 'images', choice)
  const names =
    choice.source === 'debian'
      ? thirdPartyImages.filter((image) => !image.buildOnly).map((image) => `${image.key}=${image.debian}`)
      : []
  await writeFileWhole(
    path.join(ctx.stateDir, 'images.env'),
    ['# Written by aqua: the images in use on this machine.', ...names, ''].join('\n'),
  )
}

export interface ThirdParty {
  step: ActStep
  /** Valid after the step has run; before it, what is expected. */
  names(): Record<ImageKey, string>
}

export interface ThirdPartyOptions {
  docker: string
  asked: ImageSource | undefined
  remembered: Choice
  overrides: EnvMap
  mirror: string
  needs: readonly ImageKey[]
}

/** The step for a stage's images: its variables name substitutes and the mirror. */
export async function imagesOfOthers(
  ctx: Context,
  { stack, loaded }: { stack: Stack; loaded: Loaded },
  needs: readonly ImageKey[],
  asked?: ImageSource,
): Promise<ThirdParty> {
  const chosen = [...loaded.values]
    .filter(([name]) => name.endsWith('_IMAGE'))
    .map(([name, { value }]) => [name, String(value)])
  return thirdPartyStep(ctx, {
    docker: stack.docker,
    asked,
    remembered: await chosenSource(ctx, asked),
    overrides: Object.fromEntries(chosen),
    mirror: String(stack.env.AQUA_REGISTRY ?? ''),
    needs,
  })
}

/** Every third-party image is there: pulled by its exact tag, or built from Debian's packages. */
export function thirdPartyStep(ctx: Context, options: ThirdPartyOptions): ThirdParty {
  let { source } = options.remembered
  const names = () => imageNames(source, options.overrides, options.mirror)
  const wanted = thirdPartyImages.filter((image) => options.needs.includes(image.key))
  const step: ActStep = {
    title: 'images of others',
    effect: 'write',
    would: wanted.map(
      (image) =>
        `${source === 'registry' && image.registry ? 'docker pull' : 'docker build'} ${names()[image.key]} (if missing)`,
    ),
    async act(io) {
      if (options.asked) await remember(ctx, { source })
      let made: string[] = []
      if (source === 'registry') {
        try {
          made = await provide(ctx, io, options, 'registry', names())
        } catch (error) {
          if (!(error instanceof RegistryOutOfReach) || options.asked === 'registry') throw error
          source = 'debian'
          io.out.note(
            `no registry can be reached (${error.message}): building the images from Debian packages; aqua up --images registry goes back`,
          )
          await remember(ctx, { source, because: error.message })
        }
      }
      if (source === 'debian') made = [...made, ...(await provide(ctx, io, options, 'debian', names()))]
      io.done(made.length > 0 ? `images of others: ${made.join(', ')} made ready` : 'images of others: present')
      io.result({ images: { source, made } })
    },
  }
  return { step, names }
}

class RegistryOutOfReach extends AquaError {
  constructor(image: string, why: string) {
    super('REGISTRY_OUT_OF_REACH', `${image} cannot be pulled: ${why}`, {
      exit: 'missing',
      hint: 'aqua up --images debian builds it from Debian packages; AQUA_REGISTRY names a mirror',
    })
  }
}

/** Make what is missing, bases first; returns the names made. */
async function provide(
  ctx: Context,
  io: Io,
  options: ThirdPartyOptions,
  source: ImageSource,
  names: Record<ImageKey, string>,
): Promise<string[]> {
  const made: string[] = []
  const present = await imagesOf(io, options.docker, Object.values(names))
  const hasher = new Hasher(ctx)
  const ready = new Set<ImageKey>()
  const ensure = async (key: ImageKey): Promise<void> => {
    const image = thirdPartyImages.find((candidate) => candidate.key === key)
    if (!image || ready.has(key)) return
    ready.add(key)
    const name = names[key]
    const pulled = Boolean(options.overrides[key]) || (source === 'registry' && image.registry !== undefined)
    if (pulled) {
      if (present.has(name)) return
      await pull(io, options.docker, name)
    } else {
      const fingerprint = await fingerprintOf(ctx, hasher, image, names)
      const label = present.get(name)?.Config?.Labels?.[fingerprintLabel]
      const fresh = image.folder ? label === fingerprint : present.has(name)
      if (fresh) return
      for (const base of Object.values(image.bases)) await ensure(base)
      await build(ctx, io, options.docker, image, names, fingerprint)
    }
    made.push(name)
  }
  for (const key of options.needs) await ensure(key)
  await hasher.save()
  return made
}

async function pull(io: Io, docker: string, name: string): Promise<void> {
  io.progress(`pulling ${name}`)
  await io.run([docker, 'pull', name], { explain: (result) => pullError(name, result) })
}

/** No route, no name, refused, rate-limited or blocked: the registry is out of reach. A wrong tag or a login is not. */
export function pullError(name: string, result: CommandResult): AquaError | undefined {
  const said = result.stderr.trim().split('\n').at(-1) ?? ''
  if (/manifest (unknown|for .* not found)|not found: manifest/i.test(said))
    return new AquaError('IMAGE_UNKNOWN', `${name} does not exist in its registry`, {
      exit: 'missing',
      hint: 'check the tag',
    })
  const out =
    /no such host|dial tcp|i\/o timeout|TLS handshake|connection (refused|reset)|network is unreachable|toomanyrequests|rate limit|EOF|forbidden|x509|context deadline|Client\.Timeout|temporary failure|server misbehaving|proxyconnect/i
  return out.test(said) ? new RegistryOutOfReach(name, said.replace(/^.*?: /, '').slice(0, 160)) : undefined
}

async function fingerprintOf(
  ctx: Context,
  hasher: Hasher,
  image: ThirdPartyImage,
  names: Record<ImageKey, string>,
): Promise<string> {
  const images = path.join(ctx.root, 'docker', 'images')
  const folders = [...(image.folder ? [image.folder] : []), ...Object.values(image.contexts)].map((folder) =>
    path.join(images, folder),
  )
  const files = folders.flatMap((folder) => fs.readdirSync(folder).map((name) => path.join(folder, name)))
  const bases = Object.entries(image.bases).map(([arg, key]) => [arg, names[key]])
  return digest({ ...(await hasher.all(images, files)), args: JSON.stringify([image.args, bases]) })
}

async function build(
  ctx: Context,
  io: Io,
  docker: string,
  image: ThirdPartyImage,
  names: Record<ImageKey, string>,
  fingerprint: string,
): Promise<void> {
  const images = path.join(ctx.root, 'docker', 'images')
  io.progress(`building ${names[image.key]}`)
  if (image.folder === undefined) return debootstrap(ctx, io, images, names[image.key])
  const bases = Object.entries(image.bases).map(([arg, key]) => [arg, names[key]] as const)
  const args = [...Object.entries(image.args), ...bases].flatMap(([name, value]) => ['--build-arg', `${name}=${value}`])
  const contexts = Object.entries(image.contexts).flatMap(([name, folder]) => [
    '--build-context',
    `${name}=${path.join(images, folder)}`,
  ])
  const ca = image.needsCa && ctx.env.SSL_CERT_FILE ? ['--secret', `id=ca,src=${ctx.env.SSL_CERT_FILE}`] : []
  const labels = ['--label', `${fingerprintLabel}=${fingerprint}`]
  await io.run([
    docker,
    'build',
    '--progress',
    'plain',
    '--network',
    'host',
    ...ca,
    ...args,
    ...contexts,
    ...labels,
    '-t',
    names[image.key],
    path.join(images, image.folder),
  ])
}

async function debootstrap(ctx: Context, io: Io, images: string, name: string): Promise<void> {
  const mirror = debianMirror(ctx.env)
  if (!mirror)
    throw new AquaError('NO_DEBIAN_MIRROR', "this machine's apt names no Debian archive to build images from", {
      exit: 'missing',
      hint: "set AQUA_DEBIAN_MIRROR to a Debian archive's address, or use --images registry",
    })
  const argv = [
    'bash',
    path.join(images, 'debian', 'base'),
    name,
    debianSuite,
    mirror.archive,
    ...(mirror.security ? [mirror.security] : []),
  ]
  await io.run(argv, {
    explain: (result) =>
      /mmdebstrap: (command )?not found/.test(result.stderr)
        ? new AquaError('PROGRAM_MISSING', 'mmdebstrap is not installed', {
            exit: 'missing',
            hint: 'aqua doctor --fix',
          })
        : undefined,
  })
}
