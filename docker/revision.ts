import type { Context } from '../scripts/context.ts'

/** Where the sources of a build stand, for labels and for reproducible dates. */
export interface Revision {
  /** Full commit hash. */
  commit: string
  /** Seconds since 1970 of that commit: BuildKit dates the image with it, so that two builds of one commit are equal. */
  committedAt: number
  /** Address of the repository without credentials; undefined without a remote. */
  source: string | undefined
}

/** The commit that `folder` is at; undefined outside a repository or without git. */
export async function revisionOf(ctx: Pick<Context, 'probe'>, folder: string): Promise<Revision | undefined> {
  const head = await ctx.probe(['git', '-C', folder, 'log', '-1', '--format=%H %ct'])
  const found = /^([0-9a-f]{40}) (\d+)/.exec(head.stdout)
  if (head.code !== 0 || !found) return undefined
  const remote = await ctx.probe(['git', '-C', folder, 'remote', 'get-url', 'origin'])
  return {
    commit: found[1] ?? '',
    committedAt: Number(found[2]),
    source: remote.code === 0 ? webAddress(remote.stdout.trim()) : undefined,
  }
}

/** `git@host:owner/name.git` and `https://token@host/owner/name.git` → `https://host/owner/name`; undefined for a path. */
export function webAddress(remote: string): string | undefined {
  const found = /^(?:\w+:\/\/)?(?:[^@/]+@)?([\w.-]+\.[a-z]+)(?::\d+)?[:/](.+?)(?:\.git)?\/?$/.exec(remote)
  return found ? `https://${found[1]}/${found[2]}` : undefined
}
