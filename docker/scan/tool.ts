import path from 'node:path'
import type { Context } from '../../scripts/context.ts'
import { AquaError } from '../../scripts/error.ts'
import type { CommandOptions, Io } from '../../scripts/step.ts'
import { engineError } from '../engine.ts'

/** A scanner or SBOM generator, as a program of this machine or in a container. */
export interface Tool {
  name: string
  version: string
  /** Undefined: the program on PATH. */
  image: string | undefined
}

/**
 * The containers that stand in for a missing program, by digest: a tag can be moved. Anchore's, because Trivy's releases
 * and tags were replaced by malicious ones in March 2026 (CVE-2026-33634). Both versions are those that the end-to-end
 * test runs, compiled from source. `docker buildx imagetools inspect anchore/grype:v0.120.1` shows a digest.
 */
export const pinned = {
  grype: {
    version: '0.120.1',
    image: 'anchore/grype:v0.120.1@sha256:e4a44ef45d285b829ce6efe2642980329661bd2d18eab5fc539138d4adaebbbe',
  },
  syft: {
    version: '1.54.1',
    image: 'anchore/syft:v1.54.1@sha256:3eb5379ba7b409c3f4069b686110527af0c47df993fa5c10d13e7cf34f49b1aa',
  },
} as const

/** The malicious releases of CVE-2026-33634. */
const malicious: Readonly<Record<string, readonly string[]>> = { trivy: ['0.69.4', '0.69.5', '0.69.6'] }

const versionArguments: Readonly<Record<string, readonly string[]>> = {
  grype: ['version', '-o', 'json'],
  syft: ['version', '-o', 'json'],
  trivy: ['version', '--format', 'json'],
}

/** The first of `names` on PATH, else the container of the first. `mirror` is put before the container's name. */
export async function findTool(
  ctx: Pick<Context, 'probe' | 'stateDir'>,
  names: readonly ['grype', 'trivy'] | readonly ['syft'],
  mirror: string,
): Promise<Tool> {
  for (const name of names) {
    const result = await ctx.probe([name, ...(versionArguments[name] ?? [])])
    if (result.code !== 0) continue
    const version = versionIn(result.stdout)
    if (version === undefined) continue
    if (malicious[name]?.includes(version))
      throw new AquaError('SCANNER_MALICIOUS', `the ${name} on PATH says it is ${version}, a malicious release`, {
        exit: 'missing',
        hint: 'remove it, treat the secrets of this machine as stolen, and read CVE-2026-33634',
      })
    return { name, version, image: undefined }
  }
  const [name] = names
  return { name, version: pinned[name].version, image: `${mirror}${pinned[name].image}` }
}

function versionIn(text: string): string | undefined {
  try {
    const read = JSON.parse(text) as { version?: string; Version?: string }
    return (read.version ?? read.Version)?.replace(/^v/, '')
  } catch {
    return undefined
  }
}

/** How a tool is called: what it may see of this machine, besides its arguments. */
export interface Call {
  docker: string
  /** Holds the image and the reports; `at` in the arguments is inside it. */
  work: string
  /** Where the container keeps its vulnerability database between runs. */
  cache: string
  /** Only the database's update needs it: nothing that reads an image may talk to anybody. */
  network: boolean
  env: Readonly<Record<string, string>>
}

/** Values of these travel from aqua's own environment; only the names are on the command line. */
const inherited = [
  'HTTPS_PROXY',
  'HTTP_PROXY',
  'NO_PROXY',
  'https_proxy',
  'http_proxy',
  'no_proxy',
  'GRYPE_DB_UPDATE_URL',
]

/**
 * The command of a tool with the arguments that `build` makes, `at` giving the path of a file in the work folder as the
 * tool sees it. The container gets neither the engine's socket nor a network, unless the call says so.
 */
export function toolCommand(
  tool: Tool,
  call: Call,
  build: (at: (file: string) => string) => readonly string[],
): { argv: string[]; options: CommandOptions } {
  // Its own scratch files go with the work folder; no .grype.yaml or .trivyignore of the project is picked up.
  const env = { ...call.env, TMPDIR: call.work }
  if (tool.image === undefined)
    return { argv: [tool.name, ...build((file) => path.join(call.work, file))], options: { env, cwd: call.work } }
  const user = process.getuid ? ['--user', `${process.getuid()}:${process.getgid?.()}`] : []
  const variables = { ...call.env, TMPDIR: '/scan', HOME: '/scan', XDG_CACHE_HOME: '/cache' }
  const argv = [
    ...[call.docker, 'run', '--rm', '--network', call.network ? 'bridge' : 'none', ...user, '--read-only'],
    ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--workdir', '/scan'],
    ...['--volume', `${call.work}:/scan`, '--volume', `${call.cache}:/cache`],
    ...Object.entries(variables).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    ...(call.network ? inherited.flatMap((name) => ['--env', name]) : []),
    ...[tool.image, ...build((file) => `/scan/${file}`)],
  ]
  return { argv, options: {} }
}

/** The container's image is there; a program on PATH needs nothing. */
export async function provideTool(io: Io, docker: string, tool: Tool): Promise<void> {
  if (tool.image === undefined) return
  const present = await io.probe([docker, 'image', 'inspect', '--format', '{{.Id}}', tool.image])
  if (present.code === 0) return
  io.progress(`pulling ${tool.image}`)
  await io.run([docker, 'pull', tool.image], {
    explain: (result) =>
      engineError(result, docker) ??
      new AquaError('SCANNER_MISSING', `${tool.name} is not on PATH, and its image cannot be pulled`, {
        exit: 'missing',
        details: result.stderr.trim().split('\n').slice(-3),
        hint: `install ${tool.name === 'grype' ? 'Grype or Trivy' : 'Syft'}, or name a mirror in AQUA_REGISTRY`,
      }),
  })
}
