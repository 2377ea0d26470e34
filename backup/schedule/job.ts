import fs from 'node:fs'
import path from 'node:path'
import type { Context } from '../../scripts/context.ts'
import { AquaError } from '../../scripts/error.ts'
import type { Stage } from '../../scripts/task.ts'
import type { Cron } from './cron.ts'

/** A backup that a scheduler of this machine runs. */
export interface Job {
  /** `aqua-backup-aquastream-dev`: of units and of the block in a crontab. */
  name: string
  root: string
  cron: Cron
  /** Absolute throughout, with the environment it needs; holds no secret. */
  argv: readonly string[]
  /** Where a crontab's job writes; systemd has its journal. */
  log: string
}

/** What a run finds in the environment of a person, and not in a scheduler's. None of them is a secret. */
const handedOn = [
  'DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_CONFIG', 'AQUA_DOCKER', 'PGHOST', 'PGPORT', 'PGUSER', 'PGDATABASE', 'PGSERVICE',
  'PGSERVICEFILE', 'PGPASSFILE', 'PGSSLMODE', 'PGSSLROOTCERT', 'COMPOSE_PROJECT_NAME',
] // biome-ignore format: one list

/** Programs whose folders a run needs in its PATH. */
const programs = ['bash', 'docker', 'podman', 'psql', 'pg_dump']

export function jobName(project: string): string {
  return `aqua-backup-${project}`
}

/** The job that runs `aqua backup` with `options` for a stage, as this machine is now. */
export function jobOf(
  ctx: Pick<Context, 'root' | 'stateDir' | 'env'>,
  stage: Stage,
  project: string,
  cron: Cron,
  options: readonly string[],
): Job {
  for (const name of ['DATABASE_URL', 'PGPASSWORD'])
    if (ctx.env[name])
      throw new AquaError('SCHEDULE_SECRET', `${name} is set, and a scheduler's files are no place for a password`, {
        exit: 'usage',
        hint: 'unset it; name the server by PGHOST or PGSERVICE, and put the password into ~/.pgpass',
      })
  const set = handedOn.flatMap((name) => (ctx.env[name] ? [`${name}=${ctx.env[name]}`] : []))
  const bin = path.join(ctx.root, 'scripts', 'aqua.cjs')
  const argv = [
    '/usr/bin/env',
    `PATH=${searchPath(ctx.env.PATH)}`,
    ...set,
    process.execPath,
    bin,
    'backup',
    '--stage',
    stage,
    ...options,
  ]
  if (argv.some((word) => /[\n\r\0]/.test(word)))
    throw new AquaError('USAGE', 'a scheduler cannot take a value of several lines', { exit: 'usage' })
  return { name: jobName(project), root: ctx.root, cron, argv, log: path.join(ctx.stateDir, `backup-${stage}.log`) }
}

/** The folders of this machine's programs, and the usual ones. Not the whole PATH: a line of a crontab has 998 characters. */
function searchPath(own = ''): string {
  const folders = own.split(path.delimiter).filter((folder) => path.isAbsolute(folder))
  const found = programs.flatMap((program) => {
    const folder = folders.find((candidate) => fs.existsSync(path.join(candidate, program)))
    return folder ? [folder] : []
  })
  return [...new Set([...found, '/usr/local/bin', '/usr/bin', '/bin'])].join(path.delimiter)
}
