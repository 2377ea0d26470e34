import type { Context } from '../../scripts/context.ts'

export const modes = ['report', 'enforce'] as const
export type Mode = (typeof modes)[number]

/**
 * Whether findings fail the run. CI on `main` and on a release's tag enforces; a pull request, any other branch and a
 * developer's machine report. GitHub's variables decide: a pull request's ref is `refs/pull/…`, whatever it goes into.
 */
export function defaultMode(env: Context['env']): { mode: Mode; because: string } {
  const ref = env.GITHUB_REF ?? ''
  if (env.CI && (ref === 'refs/heads/main' || ref.startsWith('refs/tags/')))
    return { mode: 'enforce', because: `CI on ${ref.replace(/^refs\/(heads|tags)\//, '')}` }
  return { mode: 'report', because: env.CI ? 'CI, but neither main nor a tag' : 'not in CI' }
}
