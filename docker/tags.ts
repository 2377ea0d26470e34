import { AquaError } from '../scripts/error.ts'

/** What happened to the repository, in GitHub's words. */
export interface Occasion {
  /** `GITHUB_EVENT_NAME`. */
  event: string
  /** `GITHUB_REF`, e.g. `refs/tags/v1.2.3`. */
  ref: string
  /** The full commit. */
  sha: string
}

export interface Tags {
  tags: readonly string[]
  /** The one of the commit, which is always among them. */
  tag: string
  /** The release that is pushed. */
  version: string | undefined
  /** A pull request builds and pushes nothing. */
  push: boolean
}

// semver.org's grammar without build metadata: an image's tag cannot hold a plus.
const release = /^v(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/

/** `v1.2.3` or `v1.2.3-rc.1`; undefined for any other name. */
export function releaseOf(name: string): { name: string; prerelease: boolean } | undefined {
  const match = release.exec(name)
  return match ? { name, prerelease: match[1] !== undefined } : undefined
}

/**
 * The tags of the images of a commit. `sha-<7>` always; a release tag adds its own name, and `latest` unless it is a
 * prerelease. Nothing else moves `latest`. Throws TAG_NAME for a pushed tag that is no release.
 */
export function imageTags({ event, ref, sha }: Occasion): Tags {
  const tag = `sha-${sha.slice(0, 7)}`
  if (event === 'pull_request') return { tags: [tag], tag, version: undefined, push: false }
  const [, name] = /^refs\/tags\/(.+)$/.exec(ref) ?? []
  // A manual run on a tag builds that commit again; only the push of the tag releases it.
  if (event !== 'push' || name === undefined) return { tags: [tag], tag, version: undefined, push: true }
  const found = releaseOf(name)
  if (!found)
    throw new AquaError('TAG_NAME', `the tag ${name} is no release`, {
      exit: 'usage',
      hint: 'name releases vX.Y.Z, prereleases vX.Y.Z-rc.1',
    })
  return { tags: [found.name, ...(found.prerelease ? [] : ['latest']), tag], tag, version: found.name, push: true }
}

/** `ghcr.io/<owner>/<repository>/`: registries take lower case only. */
export function imagePrefix(registry: string, repository: string): string {
  return `${registry}/${repository}/`.toLowerCase()
}
