import { type Check, notRun, type Scenario, scenarios } from './scenarios.ts'

const intro = `# Test plan of the workflows

Made from ci/scenarios.ts by \`aqua ci-test-plan\`; a test fails when this page is out of date.

A scenario is proven as far as this machine can prove it by the tests that are named: triggers and filters are evaluated,
scripts are run in a scratch clone, actionlint and zizmor read every file. What only GitHub can show is marked so, and
counts as open until somebody ran it and wrote the result, its date and the run's address into ci/scenarios.ts.

Before the first run on GitHub: Settings → Pages → Source: GitHub Actions; Settings → Actions → Workflow permissions: read
(each job asks for what it needs); packages of the repository may be written by its workflows; \`npx aqua ci-install\` where
this project lies in a folder.
`

/** docs/ci-test-plan.md. */
export function testPlan(list: readonly Scenario[] = scenarios): string {
  const rows = list.map(({ workflow, trigger, expectation, checks, hosted }, index) =>
    row([
      String(index + 1),
      workflow,
      trigger,
      expectation,
      checks.flatMap(named).join('<br>'),
      hosted
        ? `[${hosted.outcome}](${hosted.link})`
        : needsHosted(checks)
          ? 'open: needs the hosted service'
          : 'by the tests',
      hosted?.date ?? '–',
    ]),
  )
  const open = list.filter(({ checks, hosted }) => needsHosted(checks) && !hosted).length
  const head = ['#', 'workflow', 'trigger', 'expectation', 'checked here by', 'on the hosted service', 'date']
  const state = `${list.length} scenarios; ${open} have a part that needs the hosted service and is open.`
  const left = notRun.map(([script, why]) => row([`\`${script}\``, why]))
  return [
    ...[intro, state, '', row(head), row(head.map(() => '---')), ...rows, ''],
    'Run in the scratch clone is every script of every workflow and action but these:',
    ...['', row(['script', 'why not']), row(['---', '---']), ...left, ''],
  ].join('\n')
}

function needsHosted(checks: readonly Check[]): boolean {
  return checks.some(({ by }) => by === 'hosted')
}

function named(check: Check): string[] {
  return check.by === 'test' ? [`\`${check.file}\`: ${check.name}`] : []
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
