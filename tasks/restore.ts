import { dropOldSteps, keptNames } from '../backup/restore/dropold.ts'
import { restoreSteps } from '../backup/restore/plan.ts'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import { stages, task } from '../scripts/task.ts'

/** `make restore SCHEMA=user FILE=…`: make hands its variables to the environment. Only under make, where they are meant. */
function asked(args: { schema: string | undefined; file: string | undefined }, ctx: Context) {
  const make = args.schema === undefined && ctx.env.MAKELEVEL !== undefined
  return make
    ? { schema: ctx.env.SCHEMA || undefined, file: ctx.env.FILE || undefined }
    : { schema: args.schema, file: args.file }
}

export default task({
  summary: 'Restore a schema, or all of them, from a backup',
  group: 'Backup',
  effect: 'destroy',
  positionals: {
    schema: { type: 'string', describe: 'a schema, or all' },
    file: { type: 'string', describe: "a file, a set's id or label, or latest" },
  },
  options: {
    from: { type: 'string', choices: ['local', 's3'], describe: 'look in this store alone' },
    into: { type: 'string', placeholder: '<database>', describe: 'restore a copy into a new database' },
    identity: { type: 'string', placeholder: '<file>', describe: 'secret key, in place of BACKUP_IDENTITY_FILE' },
    buckets: { type: 'boolean', describe: "with all: the objects of the set's S3 buckets too" },
    createRoles: { type: 'boolean', describe: 'make roles that the server lacks, as the set has them' },
    safety: { type: 'boolean', default: true, describe: 'restore without a backup of what is there' },
    live: { type: 'boolean', describe: 'leave the services running' },
    dropOld: { type: 'boolean', describe: 'delete the databases that earlier restores have put aside' },
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'which environment' },
  },
  examples: [
    'aqua restore user latest',
    'aqua restore all 20261123T200512Z --from s3',
    'aqua restore user backup/artifacts/user_20261001.dump.gz',
    'aqua restore all latest --into aquastream_copy',
    'aqua restore --drop-old',
  ],
  notes: [
    'The whole archive is read and checked before anything is touched; a failure leaves the database as it was.',
    'One schema is replaced in place, in one transaction; all go into a new database, which takes the old one’s place.',
    'make restore SCHEMA=user FILE=latest does the same.',
  ],
  async destroys(args, ctx) {
    if (args.dropOld) {
      const names = await keptNames(ctx, args.stage)
      return names.length === 0 ? undefined : `deletes ${names.join(', ')}`
    }
    if (args.into) return undefined
    const { schema, file } = asked(args, ctx)
    const after = args.safety ? ', after a backup of it' : ''
    return schema === 'all'
      ? `replaces the database of ${args.stage} with ${file}${after}; the old one is kept aside`
      : `replaces the schema ${schema} of ${args.stage} with ${file}${after}`
  },
  check(args, ctx) {
    const { schema, file } = asked(args, ctx)
    const usage = (message: string, hint = 'aqua help restore') =>
      new AquaError('USAGE', message, { exit: 'usage', hint })
    if (args.dropOld) {
      if (schema !== undefined) throw usage('--drop-old stands alone')
      return
    }
    if (schema === undefined || file === undefined)
      throw usage(
        'restore needs a schema (or all) and what to restore',
        'aqua restore user latest; make restore SCHEMA=user FILE=latest',
      )
    if (args.buckets && (schema !== 'all' || args.into)) throw usage('--buckets goes with a restore of all')
  },
  plan(args, ctx) {
    if (args.dropOld) return dropOldSteps(ctx, args.stage)
    const { schema = '', file = '' } = asked(args, ctx)
    const { stage, from, into, identity, buckets, createRoles, safety, live } = args
    return restoreSteps(ctx, { stage, schema, wanted: file, from, into, identity, buckets, createRoles, safety, live })
  },
})
