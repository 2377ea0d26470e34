import { holds, interpolate, truthy } from './expressions.ts'
import { listed, type Workflow } from './workflows.ts'

/** Something that happens to a repository. */
export type Happening =
  | { event: 'pull_request'; base: string; files: readonly string[]; type?: string; fork?: boolean }
  | { event: 'push'; branch: string; files: readonly string[] }
  | { event: 'push'; tag: string }
  | { event: 'workflow_dispatch'; branch?: string; tag?: string }
  | { event: 'schedule' }

const sha = '0123456789abcdef0123456789abcdef01234567'

/** GitHub's filter patterns: `*` stops at a slash, `**` does not, `?` and `+` repeat what stands before, `[]` are sets. */
export function pattern(glob: string): RegExp {
  let source = ''
  for (let i = 0; i < glob.length; i++) {
    const character = glob[i] as string
    if (character === '*' && glob[i + 1] === '*') {
      // `**/x` is also x at the top.
      const slash = glob[i + 2] === '/' && (i === 0 || glob[i - 1] === '/')
      source += slash ? '(?:.*/)?' : '.*'
      i += slash ? 2 : 1
    } else if (character === '*') source += '[^/]*'
    else if (character === '?' || character === '+') source += character
    else if (character === '[') {
      const end = glob.indexOf(']', i)
      source += glob.slice(i, end + 1)
      i = end
    } else if (character === '\\') source += `\\${glob[++i]}`
    else source += character.replace(/[.(){}|^$/]/g, '\\$&')
  }
  return new RegExp(`^${source}$`)
}

/** In their order: a later `!pattern` takes out, a still later pattern takes in again. */
export function matches(patterns: readonly string[], name: string): boolean {
  let found = false
  for (const one of patterns)
    if (one.startsWith('!')) found = found && !pattern(one.slice(1)).test(name)
    else found = found || pattern(one).test(name)
  return found
}

/** Does this start the workflow? As GitHub documents its filters; only what the workflows here use. */
export function starts({ on }: Workflow, happening: Happening): boolean {
  const events = happening.event === 'pull_request' ? ['pull_request', 'pull_request_target'] : [happening.event]
  return events.some((event) => {
    if (!Object.hasOwn(on, event)) return false
    const filter = on[event] ?? {}
    for (const key of Object.keys(filter))
      if (!['branches', 'tags', 'paths', 'types', 'inputs'].includes(key) && event !== 'schedule')
        throw new Error(`a filter this test does not know: ${key}`)
    const paths = (files: readonly string[]) =>
      filter.paths === undefined || files.some((file) => matches(filter.paths ?? [], file))
    if (happening.event === 'pull_request') {
      const types = filter.types ?? ['opened', 'synchronize', 'reopened']
      if (!types.includes(happening.type ?? 'synchronize')) return false
      return (filter.branches === undefined || matches(filter.branches, happening.base)) && paths(happening.files)
    }
    if (happening.event !== 'push') return true
    // With a filter for one kind of ref only, the other kind starts nothing. Tags are not filtered by path.
    if ('tag' in happening) return filter.tags ? matches(filter.tags, happening.tag) : filter.branches === undefined
    const branch = filter.branches ? matches(filter.branches, happening.branch) : filter.tags === undefined
    return branch && paths(happening.files)
  })
}

/** The `github` context of a happening, as far as the workflows look at it. */
export function githubContext(happening: Happening, workflow = ''): Record<string, unknown> {
  const pull = happening.event === 'pull_request'
  const tag = 'tag' in happening ? happening.tag : undefined
  const branch = 'branch' in happening ? happening.branch : undefined
  const ref = pull ? 'refs/pull/7/merge' : tag ? `refs/tags/${tag}` : `refs/heads/${branch ?? 'main'}`
  return {
    event_name: happening.event,
    workflow,
    ref,
    ref_name: pull ? '7/merge' : (tag ?? branch ?? 'main'),
    sha,
    actor: 'somebody',
    repository: 'Owner/Repository',
    run_id: '42',
    token: 'token',
    event: pull
      ? { pull_request: { number: 7, title: 'feat: a title', base: { sha: 'base' }, head: { sha: 'head' } } }
      : {},
  }
}

/** The jobs that run, those of called workflows as `publish/images`. Skipped needs skip a job. */
export function runningJobs(
  all: ReadonlyMap<string, Workflow>,
  name: string,
  happening: Happening,
  inputs: Record<string, unknown> = {},
): string[] {
  const workflow = all.get(name)
  if (!workflow) throw new Error(`no workflow ${name}`)
  const github = githubContext(happening, name)
  const running: string[] = []
  for (const [id, job] of Object.entries(workflow.jobs)) {
    if (!listed(job.needs).every((need) => running.includes(need))) continue
    if (!holds(job.if, { github, inputs })) continue
    running.push(id)
    if (!job.uses) continue
    const called = job.uses.replace(/^\.\/\.github\/workflows\/(.*)\.yml$/, '$1')
    const given = Object.fromEntries(
      Object.entries(job.with ?? {}).map(([key, value]) => [key, interpolate(value, { github, inputs })]),
    )
    running.push(...runningJobs(all, called, happening, given).map((inner) => `${id}/${inner}`))
  }
  return running
}

/** The concurrency group of a run and whether a newer run ends it. */
export function concurrency(workflow: Workflow, happening: Happening, inputs: Record<string, unknown> = {}) {
  const contexts = { github: githubContext(happening, 'caller'), inputs }
  const { group, 'cancel-in-progress': cancel } = workflow.concurrency ?? {}
  return { group: String(interpolate(group, contexts)), cancels: truthy(interpolate(cancel, contexts)) }
}
