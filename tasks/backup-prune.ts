import { storesOf } from '../backup/inventory.ts'
import { counted, formatPolicy, type Policy, parsePolicy } from '../backup/keep.ts'
import { decisionLines } from '../backup/listing.ts'
import { prune, pruneLocked } from '../backup/prune.ts'
import { loadStack } from '../docker/stack.ts'
import { type Loaded, loadEnv, plain } from '../env/load.ts'
import type { Context } from '../scripts/context.ts'
import { bytes } from '../scripts/table.ts'
import { type ArgsOf, type OptionSpecs, stages, task } from '../scripts/task.ts'

const keep = (describe: string) => ({ type: 'string', placeholder: '<n>', describe }) as const
const options = {
  stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
  from: { type: 'string', choices: ['local', 's3'], describe: 'this store alone' },
  keepLast: keep('the newest n sets'),
  keepDaily: keep('the newest set of each of the last n days that have one'),
  keepWeekly: keep('of each of the last n ISO weeks that have one'),
  keepMonthly: keep('of each of the last n months that have one'),
  keepYearly: keep('of each of the last n years that have one'),
  keepWithin: { ...keep('all within this time before the newest set'), placeholder: '<1y6m14d>' },
  wait: { type: 'number', default: 0, placeholder: '<seconds>', describe: 'how long to wait for a running backup' },
} as const satisfies OptionSpecs
type Args = ArgsOf<typeof options>

/** The rules of the command line, together in place of BACKUP_KEEP; without any, `undefined`. */
function givenRules(args: Args): Policy | undefined {
  const { keepLast, keepDaily, keepWeekly, keepMonthly, keepYearly, keepWithin } = args
  const values = [keepLast, keepDaily, keepWeekly, keepMonthly, keepYearly, keepWithin]
  const rules = [...counted, 'within'].flatMap((rule, i) => (values[i] === undefined ? [] : [`${rule}=${values[i]}`]))
  return rules.length > 0 ? parsePolicy(rules.join(',')) : undefined
}

function policyOf(args: Args, loaded: Loaded): Policy {
  return givenRules(args) ?? parsePolicy(plain(loaded, 'BACKUP_KEEP') ?? '')
}

/** What each store would lose. */
async function preview(args: Args, ctx: Context) {
  const loaded = await loadEnv(ctx, args.stage, { fileOptional: true })
  const io = { progress() {}, signal: new AbortController().signal }
  const stores = await storesOf(ctx, loaded, args.from)
  const dry = { dryRun: true, now: ctx.now() }
  return Promise.all(stores.map((store) => prune(io, store, policyOf(args, loaded), dry)))
}

export default task({
  summary: 'Remove the backups that the rules of retention no longer keep',
  group: 'Backup',
  effect: 'destroy',
  options,
  examples: [
    'aqua backup prune --dry-run',
    'aqua backup prune --yes',
    'aqua backup prune --keep-daily 14 --keep-within 1m',
  ],
  notes: [
    'Without a rule, BACKUP_KEEP decides. Each schema has its own count; days and weeks are those of UTC.',
    'The newest complete set, sets with a label and old-style files are never removed.',
  ],
  check(args) {
    givenRules(args)
  },
  async destroys(args, ctx) {
    const going = (await preview(args, ctx)).flatMap(({ decisions }) => decisions.filter((one) => !one.keep))
    const files = going.flatMap(({ set }) => set.set.files)
    const size = bytes(files.reduce((sum, file) => sum + file.bytes, 0))
    const sets = going.length === 1 ? 'set' : 'sets'
    return going.length > 0 ? `deletes ${going.length} backup ${sets} of ${args.stage} (${size})` : undefined
  },
  async plan(args, ctx) {
    const { stack, loaded } = await loadStack(ctx, args.stage, { fileOptional: true })
    const policy = policyOf(args, loaded)
    const stores = await storesOf(ctx, loaded, args.from)
    const found = ctx.dryRun ? await preview(args, ctx) : []
    return stores.map((store, i) => ({
      title: `prune ${store.where} by ${formatPolicy(policy)}`,
      effect: 'destroy',
      would: decisionLines(found[i]?.decisions ?? [], ctx),
      async act(io) {
        const { decisions, removed, bytes: freed } = await pruneLocked(io, ctx, stack, store, policy, args.wait)
        for (const line of decisionLines(decisions, ctx)) io.out.print(line)
        io.done(`${store.where}: ${removed.length} of ${decisions.length} sets removed, ${bytes(freed)}`)
        io.result({
          [store.kind]: { removed, bytes: freed, kept: decisions.filter((one) => one.keep).map(({ set }) => set.id) },
        })
      },
    }))
  },
})
