import { AquaError } from '../../scripts/error.ts'
import type { CommandResult } from '../../scripts/step.ts'
import type { Stage } from '../../scripts/task.ts'
import { engineError } from '../engine.ts'
import type { Service } from '../services.ts'
import { begunIn, type ChangeSet, changeSet, changeSetsOfSql, described } from './changesets.ts'
import { typed } from './hint.ts'

interface Failed {
  service: Service
  /** The Liquibase command: `update`, `status` … */
  command: string
  stage: Stage
  docker: string
}

/** What Liquibase said went wrong: from its last message up to its advice on log levels. */
function reasonOf(said: string): string | undefined {
  const [, text] =
    /^(?:Unexpected error running Liquibase|Error parsing command line): ([\s\S]*?)(?:\n\s*For (?:more information|detailed help)|$(?![\s\S]))/m.exec(
      said,
    ) ?? []
  return text?.trim()
}

/** A Liquibase run that failed, as an error that names the change set and lets the database speak for itself. */
export function liquibaseError(result: CommandResult, failed: Failed): AquaError {
  const { service, command, stage, docker } = failed
  const engine = result.code === 127 || result.code === 125 ? engineError(result, docker) : undefined
  if (engine) return engine
  const reason = reasonOf(result.stderr)
  const again = typed(service, verbOf(command), stage)
  const status = typed(service, 'status', stage)
  if (reason === undefined)
    return new AquaError(
      'LIQUIBASE',
      `liquibase ${command} for ${service.short} ended with ${result.code ?? 'a signal'}`,
      {
        details: lines(result.stderr).slice(-20),
        hint: `${status} shows whether it left its lock behind`,
      },
    )
  const migration = /^Migration failed for changeset (.*):\s*Reason: ([\s\S]*)$/.exec(reason)
  if (migration) {
    const [, name = '', why = ''] = migration
    return failedChangeSet(service, changeSet(name), why, result.stderr, again)
  }
  if (/^Validation Failed/i.test(reason))
    return new AquaError('CHANGELOG_INVALID', `the change log of ${service.short} is not valid`, {
      details: lines(reason).slice(1),
      hint: /check ?sum/i.test(reason)
        ? 'take back the edit of what was applied, and put the change into a new change set'
        : `mend it, then ${again}`,
    })
  if (/Could not acquire change log lock/i.test(reason))
    return new AquaError('CHANGELOG_LOCKED', `somebody else began to migrate ${service.short} in the meantime`, {
      details: lines(reason),
      hint: status,
    })
  if (/^Connection could not be created/i.test(reason)) return noConnection(failed, reason)
  if (command.startsWith('rollback')) return failedRollback(failed, result, reason)
  return new AquaError('LIQUIBASE', `liquibase ${command} for ${service.short} failed`, {
    details: lines(reason),
    hint: `${again} --verbose shows all that it printed`,
  })
}

/** Our word for a Liquibase command: `rollback-count-sql` is part of `rollback`. */
function verbOf(command: string): string {
  if (command.startsWith('rollback')) return 'rollback'
  return command === 'update-sql' ? 'sql' : command
}

function failedChangeSet(service: Service, broken: ChangeSet, why: string, said: string, again: string): AquaError {
  const before = begunIn(said).filter((other) => described(other) !== described(broken))
  return new AquaError('CHANGE_SET_FAILED', `change set ${described(broken)} failed for ${service.short}`, {
    details: [...databaseSaid(why), ...before.map((other) => `applied before it, and recorded: ${described(other)}`)],
    hint: `mend the change set, then ${again}`,
  })
}

function failedRollback({ service, command, stage }: Failed, result: CommandResult, reason: string): AquaError {
  const dry = command.endsWith('-sql')
  const begun = dry ? changeSetsOfSql(result.stdout) : begunIn(result.stderr)
  const at = begun.pop()
  if (/^Could not find tag/i.test(reason))
    return new AquaError('TAG_UNKNOWN', `${service.short}: ${reason.charAt(0).toLowerCase()}${reason.slice(1)}`, {
      hint: `${typed(service, 'history', stage)} shows the tags`,
    })
  if (at && /rollback generation|no inverse|RollbackImpossible/i.test(reason))
    return new AquaError('NO_ROLLBACK', `change set ${described(at)} says no way back`, {
      details: ['nothing was rolled back'],
      hint: 'add a --rollback line to it, or roll back fewer',
    })
  return new AquaError('ROLLBACK_FAILED', `rolling back ${at ? described(at) : service.short} failed`, {
    details: [
      ...databaseSaid(reason),
      ...(dry ? ['nothing was rolled back'] : begun.map((other) => `rolled back before it: ${described(other)}`)),
    ],
    hint: typed(service, 'status', stage),
  })
}

function noConnection({ service, stage }: Failed, reason: string): AquaError {
  const [, why = reason] = /with driver \S+\.\s+([\s\S]*)$/.exec(reason) ?? []
  const refused = /password authentication failed|role ".*" does not exist|not permitted to log in/.test(why)
  return refused
    ? new AquaError('ROLE_REFUSED', `the database refuses the role of ${service.short}`, {
        details: lines(why),
        hint: `aqua db roles${stage === 'dev' ? '' : ` ${stage}`}`,
      })
    : new AquaError('DATABASE', `the database does not answer for ${service.short}`, {
        details: lines(why),
        hint: `aqua logs postgres${stage === 'dev' ? '' : ` --stage ${stage}`}`,
      })
}

/** The database's own message, and the statement it is about; that one cut short, as it may be a table's worth of rows. */
function databaseSaid(reason: string): string[] {
  const [, message = reason, statement] =
    /^(?:[\w.]+Exception: )?([\s\S]*?)(?: \[Failed SQL: (?:\(\d+\) )?([\s\S]*)\])?\s*$/.exec(reason) ?? []
  const sql = statement === undefined ? [] : lines(statement)
  const shown = sql.slice(0, 12).map((line) => (line.length > 200 ? `${line.slice(0, 200)} …` : line))
  return [...lines(message), ...(sql.length > 0 ? ['in:'] : []), ...shown, ...(sql.length > 12 ? ['…'] : [])]
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
}
