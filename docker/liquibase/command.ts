import fs from 'node:fs'
import path from 'node:path'
import { AquaError } from '../../scripts/error.ts'
import type { EnvMap } from '../../scripts/step.ts'
import type { Service } from '../services.ts'
import type { Workspace } from '../workspace.ts'
import type { Credentials } from './credentials.ts'

/** Liquibase's search path ends here: what lies below is what the services find on their class path. */
const resources = 'src/main/resources/'
const wait = 1

export interface ChangeLog {
  /** Absolute; mounted into the container. */
  folder: string
  /** Relative to it, as the service's own Liquibase names it: file names are part of a change set's identity. */
  file: string
}

/** Where the workspace has a service's change log. */
export function changeLogOf(workspace: Workspace, service: Service): ChangeLog {
  const whole = service.changelog ?? ''
  const cut = whole.indexOf(resources) + resources.length
  const folder = path.join(workspace.root, whole.slice(0, cut))
  const file = whole.slice(cut)
  if (!fs.existsSync(path.join(folder, file)))
    throw new AquaError(
      'CHANGELOG_MISSING',
      `${service.name} has no change log: ${whole} is not in ${workspace.root}`,
      {
        exit: 'missing',
        hint: "--workspace names the root of the backend's sources",
      },
    )
  return { folder, file }
}

export interface Run {
  docker: string
  image: string
  project: string
  /** Of the container; also its host name, which Liquibase writes into the lock, and the session's name in PostgreSQL. */
  name: string
  service: Service
  changeLog: ChangeLog
  /** Undefined: an empty history in place of the database, which then is not touched and not reached. */
  database: { name: string; credentials: Credentials } | undefined
  /** Contexts, labels and parameters of the service, as variables for Liquibase. */
  settings: EnvMap
}

/** The container that runs one Liquibase command on a service's change log. */
export function liquibaseCommand(run: Run, args: readonly string[]): { argv: string[]; env: EnvMap } {
  const schema = run.service.schema ?? ''
  const { credentials, name } = run.database ?? {}
  const target: EnvMap = credentials
    ? {
        // The schema is the session's search path and not --default-schema-name, whose SET SEARCH_PATH leaves `user` unquoted.
        LIQUIBASE_COMMAND_URL: `jdbc:postgresql://postgres:5432/${name}?currentSchema=${schema}&ApplicationName=${run.name}`,
        LIQUIBASE_COMMAND_USERNAME: credentials.role,
        LIQUIBASE_COMMAND_PASSWORD: credentials.password,
      }
    : { LIQUIBASE_COMMAND_URL: 'offline:postgresql?changeLogFile=/tmp/history.csv' }
  const env: EnvMap = { ...run.settings, ...target }
  const argv = [
    run.docker,
    'run',
    '--rm',
    '--init',
    '--pull=never',
    '--name',
    run.name,
    '--hostname',
    run.name,
    // What sweeps a project's leftovers finds it; what lists its services does not.
    ...['--label', `com.docker.compose.project=${run.project}`],
    ...['--label', 'com.docker.compose.service=liquibase', '--label', 'com.docker.compose.oneoff=True'],
    ...['--network', credentials ? `${run.project}_backend` : 'none'],
    ...['--user', owner(run.changeLog.folder)],
    '--read-only',
    '--cap-drop=ALL',
    '--security-opt=no-new-privileges:true',
    ...['--tmpfs', '/tmp:size=64m,mode=1777'],
    ...['--memory=512m', '--cpus=1', '--pids-limit=256'],
    // A line of CSV: a folder may have a comma or quotes in its name.
    ...['--mount', `type=bind,"source=${run.changeLog.folder.replaceAll('"', '""')}",target=/changelog,readonly`],
    // Names only: docker takes the values from its own environment.
    ...Object.keys(env).flatMap((variable) => ['-e', variable]),
    run.image,
    '--show-banner=false',
    '--analytics-enabled=false',
    '--search-path=/changelog',
    `--liquibase-schema-name=${schema}`,
    // The least there is. Looked at beforehand, a lock is only met here when somebody takes it in between.
    `--changelog-lock-wait-time-in-minutes=${wait}`,
    ...args,
    `--changelog-file=${run.changeLog.file}`,
  ]
  return { argv, env }
}

/** Who may read the change logs; a checkout need not be readable by the uid of an image. Never root. */
function owner(folder: string): string {
  const { uid, gid } = fs.statSync(folder)
  return uid > 0 ? `${uid}:${gid}` : '1000:1000'
}
