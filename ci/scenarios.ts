/** How a scenario is checked. */
export type Check =
  /** By a test of this project; `result` is what the test says, each time it runs. */
  | { by: 'test'; file: string; name: string }
  /** Only the hosted service can tell. */
  | { by: 'hosted' }

/** A run on the hosted service that somebody looked at. */
export interface Result {
  outcome: 'passed' | 'failed'
  /** YYYY-MM-DD */
  date: string
  /** The address of the run. */
  link: string
}

export interface Scenario {
  workflow: string
  /** What somebody does. */
  trigger: string
  expectation: string
  checks: readonly Check[]
  /** Of the part that only the hosted service can show; undefined: nobody has run it. */
  hosted?: Result
}

const triggers = 'test/ci/triggers.test.ts'
const steps = 'test/e2e/workflows.test.ts'
const test = (file: string, name: string): Check => ({ by: 'test', file, name })
const hosted: Check = { by: 'hosted' }

const change = test(triggers, 'what starts for which change')
const anyService = test(triggers, 'a change of any service builds jars and images')
const jobs = test(triggers, 'a pull request builds and pushes nothing; main publishes; a tag publishes, then releases')
const run = test(steps, 'every script runs')
const tags = test('test/ci/tags.test.ts', 'pull request, main, release, prerelease, manual run')
const matrix = test('test/ci/tags.test.ts', 'the matrices are the catalogue')
const installed = test(
  'test/ci/install.test.ts',
  'the workflows are written to the repository’s root, once, and checked later',
)

/** The test plan of the backlog (7.1), scenario by scenario. docs/ci-test-plan.md is made from this list. */
export const scenarios: readonly Scenario[] = [
  {
    workflow: 'backend-ci',
    trigger: 'pull request that changes `backend-*/**` (or `example/**`)',
    expectation: 'it starts; jars are built with their tests and kept as the artifact `jars`, without `*-plain.jar`',
    checks: [anyService, run, hosted],
  },
  {
    workflow: 'ci-images',
    trigger: 'pull request that changes a service or `docker/**`',
    expectation:
      'jars once, then one job per service of the catalogue; images built for linux/amd64, scanned, reported; nothing is pushed and no job may push',
    checks: [anyService, change, jobs, matrix, run, hosted],
  },
  {
    workflow: 'ci-images',
    trigger: 'merge into `main`',
    expectation:
      '`sha-<7>` of every service is pushed to GHCR, attested; a HIGH or CRITICAL finding with a fix fails the job before the push',
    checks: [jobs, tags, hosted],
  },
  {
    workflow: 'ci-images',
    trigger: 'tag `vX.Y.Z`',
    expectation: '`vX.Y.Z`, `latest` and `sha-<7>` of every service; then the release',
    checks: [change, jobs, tags, hosted],
  },
  {
    workflow: 'ci-images',
    trigger: 'tag `vX.Y.Z-rc.1`',
    expectation: 'as above, without `latest`',
    checks: [tags, hosted],
  },
  {
    workflow: 'ci-images',
    trigger: 'manual run, on a branch or a tag',
    expectation: '`sha-<7>` only: no manual run moves `latest`',
    checks: [jobs, tags, hosted],
  },
  {
    workflow: 'build-and-attest',
    trigger: 'called by `ci-images`',
    expectation:
      '`gh attestation verify oci://ghcr.io/…/backend-user:TAG --signer-workflow …/build-and-attest.yml` succeeds, for provenance and SBOM',
    checks: [jobs, hosted],
  },
  {
    workflow: 'frontend-ci',
    trigger: 'pull request that changes `frontend/**`',
    expectation: 'install, lint, typecheck and build succeed',
    checks: [change, run, hosted],
  },
  {
    workflow: 'docs-ci',
    trigger: 'pull request that changes `docs/**`',
    expectation: 'MkDocs builds without a warning; pip’s cache is keyed by the requirements file',
    checks: [change, run, hosted],
  },
  {
    workflow: 'docs-deploy',
    trigger: 'push to `main` that changes `docs/**`',
    expectation: 'the site is on Pages, and the address in the environment `github-pages` answers',
    checks: [change, run, hosted],
  },
  {
    workflow: 'release',
    trigger: 'tag `vX.Y.Z`, through `ci-images`',
    expectation: 'a release with generated notes and the SBOMs of all images',
    checks: [jobs, run, hosted],
  },
  {
    workflow: 'release',
    trigger: 'manual run with `tag`',
    expectation: 'the same, with the SBOMs of the tag’s newest run',
    checks: [change, run, hosted],
  },
  {
    workflow: 'codeql',
    trigger: 'pull request, push to `main`, Monday 04:17 UTC',
    expectation: 'an analysis per language that the repository has; alerts under Security',
    checks: [change, matrix, hosted],
  },
  {
    workflow: 'commitlint',
    trigger: 'pull request with a good title and good commits',
    expectation: 'passes',
    checks: [change, run, hosted],
  },
  {
    workflow: 'commitlint',
    trigger: 'pull request with a bad title or a bad commit; the title is edited',
    expectation: 'fails and says why; an edited title is checked again, and nothing else runs',
    checks: [change, run, hosted],
  },
  {
    workflow: 'labeler',
    trigger: 'pull request, also from a fork',
    expectation: 'labels follow the changed files, in both directions; nothing of the pull request is run',
    checks: [
      change,
      test('test/ci/rules.test.ts', 'noticed everywhere: the labeler checks out'),
      test('test/ci/tags.test.ts', 'a service that is in the catalogue only has no label yet: that is noticed'),
      hosted,
    ],
  },
  {
    workflow: 'label-sync',
    trigger: '`.github/labels.yml` changes on `main`; manual run',
    expectation: 'labels are created and changed as the file says; others stay',
    checks: [change, run, hosted],
  },
  {
    workflow: 'all',
    trigger: 'this project lies in `backend-infra/`',
    expectation: '`aqua ci-install` writes them to the root; `--check` tells when they are out of date',
    checks: [installed, change, run, hosted],
  },
]

/** Scripts of the workflows that test/e2e/workflows.test.ts does not run, by their beginning, and why. It runs the rest. */
export const notRun: readonly (readonly [script: string, why: string])[] = [
  ['npx aqua build-images', 'needs the engine: the tests of images run it'],
  ['npx aqua scan', 'needs the images and a vulnerability database: its own tests run it'],
  ['npx aqua sbom', 'needs the images: its own tests run it'],
  ['npx aqua push-images', 'needs a registry: its own test runs it against one on loopback'],
  ['echo "digest=', 'reads what the push before it wrote'],
  ['corepack enable', 'would change the Node of the machine; a pnpm of the test’s own stands in'],
]
