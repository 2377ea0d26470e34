import path from 'node:path'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import type { CommandResult, EnvMap } from '../scripts/step.ts'
import type { Stack } from './engine.ts'
import type { Revision } from './revision.ts'
import { imageName } from './serviceimages.ts'
import type { Service } from './services.ts'

export const cacheKinds = ['registry', 'gha', 'local'] as const
export type CacheKind = (typeof cacheKinds)[number]

export interface BakeOptions {
  /** Tags besides the stage's own; with one or more, the stage's own is left out. */
  tags: readonly string[]
  platform: string | undefined
  push: boolean
  cache: CacheKind | undefined
  revision: Revision | undefined
  /** The release, e.g. `v1.4.0`, for the image's version label. */
  version: string | undefined
  /** Where BuildKit writes digests. */
  metadataFile: string
}

/** The names an image gets: the stage's own, or one for each tag that was asked for. */
export function namesFor(env: EnvMap, service: Service, tags: readonly string[]): string[] {
  return tags.length === 0
    ? [imageName(env, service)]
    : tags.map((tag) => imageName({ ...env, IMAGE_TAG: tag }, service))
}

/**
 * One BuildKit call for all services: they share the base, and their stages run in parallel. What is built stands in the
 * dev overlay's build sections; tags, labels and caches are laid over it.
 */
export function bakeCommand(
  ctx: Pick<Context, 'stateDir'>,
  stack: Stack,
  wanted: readonly Service[],
  options: BakeOptions,
): string[] {
  const sets = wanted.flatMap((service) => {
    const set = (key: string, value: string) => ['--set', `${service.name}.${key}=${value}`]
    return [
      ...namesFor(stack.env, service, options.tags).flatMap((name) => set('tags', name)),
      ...(options.platform ? set('platform', options.platform) : []),
      ...cacheSets(ctx, stack, service, options.cache).flatMap(([key, value]) => set(key, value)),
      ...labels(options).flatMap(([name, value]) => set(`args.${name}`, value)),
      ...(options.push ? [] : set('output', 'type=docker')),
    ]
  })
  return [
    ...[stack.docker, 'buildx', 'bake', '--progress', 'plain'],
    ...['--metadata-file', options.metadataFile],
    ...(options.push ? ['--push'] : []),
    ...stack.files.flatMap((file) => ['-f', file]),
    ...sets,
    ...wanted.map((service) => service.name),
  ]
}

function labels({ revision, version }: BakeOptions): [string, string][] {
  return [
    ...(version ? ([['VERSION', version]] as [string, string][]) : []),
    ...(revision
      ? ([
          ['REVISION', revision.commit],
          ['CREATED', new Date(revision.committedAt * 1000).toISOString()],
          ['SOURCE_DATE_EPOCH', String(revision.committedAt)],
          ...(revision.source ? [['SOURCE', revision.source]] : []),
        ] as [string, string][])
      : []),
  ]
}

function cacheSets(
  ctx: Pick<Context, 'stateDir'>,
  stack: Stack,
  service: Service,
  kind: CacheKind | undefined,
): [string, string][] {
  switch (kind) {
    case undefined:
      return []
    case 'registry': {
      const ref = `${stack.env.IMAGE_PREFIX ?? ''}${service.name}:cache`
      return [
        ['cache-from', `type=registry,ref=${ref}`],
        ['cache-to', `type=registry,ref=${ref},mode=max`],
      ]
    }
    case 'gha':
      return [
        ['cache-from', `type=gha,scope=${service.name}`],
        ['cache-to', `type=gha,scope=${service.name},mode=max`],
      ]
    case 'local': {
      const folder = path.join(ctx.stateDir, 'build-cache', service.name)
      return [
        ['cache-from', `type=local,src=${folder}`],
        ['cache-to', `type=local,dest=${folder},mode=max`],
      ]
    }
  }
}

/** Refuses a cache that would be left out without a word: that is what BuildKit does with GitHub's, outside of its jobs. */
export function requireCache(env: EnvMap, kind: CacheKind | undefined): void {
  if (kind === 'gha' && !env.ACTIONS_RUNTIME_TOKEN)
    throw new AquaError('CACHE_UNSUPPORTED', "GitHub's build cache is out of reach: ACTIONS_RUNTIME_TOKEN is not set", {
      exit: 'missing',
      hint: 'in a job, hand on ACTIONS_RUNTIME_TOKEN and ACTIONS_RESULTS_URL; elsewhere use --cache local or registry',
    })
}

/** What BuildKit could not do and what helps; undefined for failures of the build itself. */
export function bakeError(result: CommandResult): AquaError | undefined {
  const said = result.stderr
  if (/cache export is not supported for the docker driver/i.test(said))
    return new AquaError('CACHE_UNSUPPORTED', "this engine's own builder cannot export a build cache", {
      exit: 'missing',
      hint: 'docker buildx create --use makes one that can; or leave out --cache',
    })
  if (
    /multiple platforms feature is currently not supported for docker driver|multi-platform build is not supported/i.test(
      said,
    )
  )
    return new AquaError('PLATFORM_UNSUPPORTED', "this engine's own builder makes one platform at a time", {
      exit: 'missing',
      hint: 'docker buildx create --use makes one that can do several',
    })
  if (/(denied|unauthorized|authentication required|no basic auth credentials)/i.test(said))
    return new AquaError('REGISTRY_DENIED', 'the registry refused the push', {
      exit: 'missing',
      hint: 'docker login, or aqua push-images --username NAME --password-stdin',
    })
  return undefined
}
