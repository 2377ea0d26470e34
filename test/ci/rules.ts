import { actions, type Files, type StepSpec, workflows } from './workflows.ts'

/** What every job may do with the repository's token, and no more. `workflow/job`; a job that only calls has the callee's. */
export const permissions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'backend-ci/jars': { contents: 'read' },
  'build-and-attest/jars': { contents: 'read' },
  'build-and-attest/images': { contents: 'read', packages: 'write', 'id-token': 'write', attestations: 'write' },
  'ci-images/jars': { contents: 'read' },
  'ci-images/images': { contents: 'read' },
  'ci-images/publish': { contents: 'read', packages: 'write', 'id-token': 'write', attestations: 'write' },
  'ci-images/release': { contents: 'write', actions: 'read' },
  'codeql/languages': { contents: 'read' },
  'codeql/analyze': { contents: 'read', 'security-events': 'write' },
  'commitlint/commitlint': { contents: 'read' },
  'docs-ci/build': { contents: 'read' },
  'docs-deploy/build': { contents: 'read' },
  'docs-deploy/deploy': { pages: 'write', 'id-token': 'write' },
  'frontend-ci/check': { contents: 'read' },
  'label-sync/sync': { contents: 'read', issues: 'write' },
  'labeler/label': { contents: 'read', 'pull-requests': 'write' },
  'release/release': { contents: 'write', actions: 'read' },
}

/**
 * The actions in use. A pin was read in public sources and is not to be changed by hand alone: the comment in the workflow
 * and this list have to say the same version.
 */
export const pins: Readonly<Record<string, string>> = {
  'actions/attest': '1e69f48acb82d1966a394da916b4c1698aa569d6 # v4.2.2',
  'actions/cache': '55cc8345863c7cc4c66a329aec7e433d2d1c52a9 # v6.1.0',
  'actions/checkout': '3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1',
  'actions/deploy-pages': '368f82528645a54fb793d4d04e342629a3f51346 # v5.0.1',
  'actions/download-artifact': '3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1',
  'actions/labeler': 'b8dd2d9be0f68b860e7dae5dae7d772984eacd6d # v6.2.0',
  'actions/setup-java': '0f481fcb613427c0f801b606911222b5b6f3083a # v5.5.0',
  'actions/setup-node': '820762786026740c76f36085b0efc47a31fe5020 # v7.0.0',
  'actions/setup-python': 'ece7cb06caefa5fff74198d8649806c4678c61a1 # v6.3.0',
  'actions/upload-artifact': '043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1',
  'actions/upload-pages-artifact': 'fc324d3547104276b827a68afc52ff2a11cc49c9 # v5.0.0',
  'docker/login-action': 'af1e73f918a031802d376d3c8bbc3fe56130a9b0 # v4.4.0',
  'docker/setup-buildx-action': 'bb05f3f5519dd87d3ba754cc423b652a5edd6d2c # v4.2.0',
  'github/codeql-action/analyze': 'e4fba868fa4b1b91e1fdab776edc8cfbe6e9fb81 # v4.37.3',
  'github/codeql-action/init': 'e4fba868fa4b1b91e1fdab776edc8cfbe6e9fb81 # v4.37.3',
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
const sorted = (value: unknown) =>
  typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).sort()) : value

/** The rules of the house that no linter knows. Each finding names its file. */
export function findings(files: Files): string[] {
  const found: string[] = []
  const say = (where: string, what: string) => found.push(`${where}: ${what}`)
  for (const [file, text] of files) if (/\.ya?ml$/.test(file)) checkPins(file, text, say)
  for (const [name, { runs }] of actions(files)) for (const step of runs.steps) checkStep(name, step, say)
  for (const [name, workflow] of workflows(files)) {
    if (!same(workflow.permissions, {})) say(name, 'permissions at the top are not {}')
    if (!workflow.concurrency?.group) say(name, 'no concurrency group')
    if (workflow.concurrency?.['cancel-in-progress'] === undefined) say(name, 'cancel-in-progress is not said')
    if (Object.hasOwn(workflow.on, 'pull_request_target'))
      for (const { steps = [] } of Object.values(workflow.jobs))
        for (const step of steps)
          if (step.run || step.uses?.startsWith('actions/checkout@') || step.uses?.startsWith('./'))
            say(name, 'pull_request_target runs or checks out something')
    for (const [id, job] of Object.entries(workflow.jobs)) {
      const where = `${name}/${id}`
      if (!same(sorted(job.permissions), sorted(permissions[where])))
        say(where, `permissions are ${JSON.stringify(job.permissions)}, not ${JSON.stringify(permissions[where])}`)
      // GitHub refuses timeout-minutes on a job that calls a workflow: the called one's jobs have theirs.
      if (!job.uses && !((job['timeout-minutes'] ?? 0) > 0 && (job['timeout-minutes'] ?? 0) <= 30))
        say(where, 'no timeout of at most 30 minutes')
      if (!job.uses && job['runs-on'] !== 'ubuntu-24.04') say(where, 'not on ubuntu-24.04, which is amd64')
      if (job.secrets !== undefined) say(where, 'hands secrets on')
      for (const step of job.steps ?? []) checkStep(where, step, say)
    }
  }
  for (const where of Object.keys(permissions)) {
    const [name = '', id = ''] = where.split('/')
    if (!workflows(files).get(name)?.jobs[id]) say(where, 'is listed and does not exist')
  }
  return found
}

function checkPins(file: string, text: string, say: (where: string, what: string) => void): void {
  for (const [, reference = ''] of text.matchAll(/^\s*(?:- )?uses: (.+)$/gm)) {
    if (reference.startsWith('./')) continue
    const [, action = '', pin = ''] = /^([^@\s]+)@(.*)$/.exec(reference) ?? []
    if (pins[action] !== pin) say(file, `${reference} is not pinned as ${pins[action] ?? 'any action of the list'}`)
  }
}

function checkStep(where: string, step: StepSpec, say: (where: string, what: string) => void): void {
  if (step.uses?.startsWith('actions/checkout@') && step.with?.['persist-credentials'] !== false)
    say(where, 'a checkout leaves its credentials behind')
  // A script is fixed text: whatever comes from outside reaches it by environment.
  if (step.run?.includes('${{')) say(where, `an expression in a script: ${step.run}`)
}
