import { safetyStep } from '../backup/safety.ts'
import { liquibaseSteps, migrating, verbs } from '../docker/liquibase/verbs.ts'
import { AquaError } from '../scripts/error.ts'
import { stages, task } from '../scripts/task.ts'

const names = migrating.flatMap(({ short, name }) => [short, name])
const old = migrating.flatMap(({ short }) =>
  (['sql', 'update'] as const).map((verb) => [`liq-${short}-${verb}`, [short, verb]] as const),
)

export default task({
  summary: 'Migrate the schema of a service, or of all, with Liquibase',
  group: 'Data',
  effect: 'destroy',
  positionals: {
    service: { type: 'string', required: true, choices: ['all', ...names], describe: 'whose schema' },
    verb: { type: 'string', required: true, choices: verbs, describe: 'what to do' },
  },
  options: {
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
    count: { type: 'number', placeholder: '<n>', describe: 'rollback: the last n change sets' },
    tag: { type: 'string', placeholder: '<tag>', describe: 'rollback: what came after this tag' },
    toDate: {
      type: 'string',
      placeholder: '<date>',
      describe: 'rollback: what came after, as 2026-01-31T12:00:00, UTC',
    },
    force: { type: 'boolean', describe: 'unlock: even when the holder may be at work' },
  },
  aliases: Object.fromEntries(old),
  examples: [
    'aqua liquibase all status',
    'aqua liq-user-sql > user.sql',
    'aqua liq-user-update',
    'aqua liquibase all update --stage stage',
    'aqua liquibase user rollback --count 1',
    'aqua liquibase user unlock',
  ],
  notes: [
    'sql prints what update would run, and nothing else; as --json it is in result.sql. Applied by hand, it has to run as',
    "the service's role, or the tables are not its own: aqua psql --as user < user.sql",
    'update shows that SQL, asks, and takes a safety set on stage and prod. all goes in the order in which schemas refer to each other, and',
    'ends at the first failure. PostgreSQL undoes the change set that failed; those before it stay applied and recorded.',
    'A change set with runInTransaction:false is not undone.',
    'rollback shows its SQL and asks, on every stage. validate compares the change logs with what was applied (exit 5).',
    'Contexts, labels and parameters are those of the container: SPRING_LIQUIBASE_CONTEXTS and the like, in docker/compose/settings.',
    'Needs the running stack. Change logs come from the workspace; the first run builds the image of Liquibase.',
  ],
  check(args) {
    const usage = (message: string, hint: string) => new AquaError('USAGE', message, { exit: 'usage', hint })
    const ways = [args.count, args.tag, args.toDate].filter((value) => value !== undefined)
    if (args.verb !== 'rollback' && ways.length > 0)
      throw usage(
        '--count, --tag and --to-date belong to rollback',
        `aqua liquibase ${args.service} rollback --count 1`,
      )
    if (args.force && args.verb !== 'unlock') throw usage('--force belongs to unlock', 'aqua help liquibase')
    if (args.verb !== 'rollback') return
    if (args.service === 'all')
      throw usage(
        'rollback takes one service: a number or a tag means something else in each schema, and others may refer to it',
        'roll back the services that refer to it first, e.g. aqua liquibase event rollback --count 1',
      )
    if (ways.length !== 1)
      throw usage(
        'rollback needs one of --count, --tag and --to-date',
        `aqua liquibase ${args.service} rollback --count 1`,
      )
    if (args.count !== undefined && !(Number.isInteger(args.count) && args.count > 0))
      throw usage('--count takes a whole number above 0', '--count 1')
    if (args.toDate !== undefined && !/^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d)?$/.test(args.toDate))
      throw usage('--to-date takes a date or a time, in UTC', '--to-date 2026-01-31T12:00:00')
  },
  plan: (args, ctx) =>
    liquibaseSteps(ctx, {
      stage: args.stage,
      services:
        args.service === 'all'
          ? migrating
          : migrating.filter(({ short, name }) => [short, name].includes(args.service)),
      verb: args.verb,
      force: args.force,
      count: args.count,
      tag: args.tag,
      toDate: args.toDate,
      save: (stack, loaded, otherwise) =>
        safetyStep(ctx, stack, loaded, {
          why: `before liquibase ${args.verb}`,
          buckets: false,
          otherwise,
          without: undefined,
        }),
    }),
})
