import path from 'node:path'
import { makeKey } from '../backup/age/keygen.ts'
import { recipientsFile } from '../backup/age/recipients.ts'
import { loadEnv } from '../env/load.ts'
import { AquaError } from '../scripts/error.ts'
import { stages, task } from '../scripts/task.ts'

const outDefault = 'backup/identity.txt'
/** The only names inside the project that git ignores. */
const ignored = /^backup\/identity[\w.-]*\.txt$/

export default task({
  summary: 'Make a key pair for encrypted backups: the secret half into a file, the public half on stdout',
  group: 'Backup',
  effect: 'write',
  options: {
    out: {
      type: 'string',
      default: outDefault,
      placeholder: '<file>',
      describe: 'where the secret key goes',
    },
    add: { type: 'boolean', describe: 'add the public key to the recipients of new backups' },
    postQuantum: {
      type: 'boolean',
      describe: 'a key that also withstands quantum computers; age 1.3 or newer reads it',
    },
    stage: { type: 'string', choices: stages, default: 'dev', describe: 'whose recipients file' },
  },
  examples: ['aqua backup keygen --add', 'aqua backup keygen --out /media/usb/aqua-identity.txt --add'],
  notes: [
    'Keep the secret key off the machine that makes backups, and keep two copies: without it nothing can be restored.',
    'BACKUP_IDENTITY_FILE names it to restore, verify and drill.',
  ],
  check(args, ctx) {
    const inside = path.relative(ctx.root, path.resolve(ctx.cwd, args.out)).split(path.sep).join('/')
    if (inside.startsWith('../') || path.isAbsolute(inside) || ignored.test(inside) || args.out === outDefault) return
    throw new AquaError('IDENTITY_IN_GIT', `git would take ${inside}, and a secret key must not get there`, {
      exit: 'refused',
      hint: '--out backup/identity-<name>.txt, or a file outside of this project',
    })
  },
  async plan(args, ctx) {
    const loaded = await loadEnv(ctx, args.stage, { fileOptional: true })
    const identity = args.out === outDefault ? path.join(ctx.root, outDefault) : path.resolve(ctx.cwd, args.out)
    const recipients = recipientsFile(ctx, loaded)
    const shown = path.relative(ctx.root, recipients)
    return [
      {
        title: 'make a key pair',
        effect: 'write',
        would: [`write a new secret key to ${identity}`, ...(args.add ? [`add its public key to ${shown}`] : [])],
        async act(io) {
          const files = { identity, recipients: args.add ? recipients : undefined }
          const recipient = await makeKey(files, args.postQuantum, ctx.now())
          io.result({ recipient, identity, recipients: args.add ? recipients : null })
          io.done(`secret key in ${identity}${args.add ? `, public key in ${shown}` : ''}`)
          io.out.print(recipient)
          if (!args.add) io.out.note(`add this line to ${shown}, or use --add`)
        },
      },
    ]
  },
})
