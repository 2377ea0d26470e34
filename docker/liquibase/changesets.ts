import { AquaError } from '../../scripts/error.ts'

/** What identifies a change set in a change log, and in DATABASECHANGELOG. */
export interface ChangeSet {
  id: string
  author: string
  /** Path of its file as Liquibase records it, relative to the search path. */
  file: string
}

/** `file::id::author`, as every message of Liquibase has it. An id may itself hold `::`. */
export function changeSet(text: string): ChangeSet {
  const [file = '', ...rest] = text.split('::')
  const author = rest.pop() ?? ''
  return { id: rest.join('::'), author, file }
}

export function described({ id, author, file }: ChangeSet): string {
  return `${id} by ${author} in ${file}`
}

/** What `status --verbose` calls not applied, in the order of the change log. */
export function pendingIn(output: string): ChangeSet[] {
  const count = /^(\d+) change ?sets? ha(?:s|ve) not been applied/m.exec(output)?.[1]
  if (count === undefined) {
    if (/ is up to date$/m.test(output)) return []
    throw unreadable('neither "up to date" nor a number of change sets')
  }
  const found = [...output.matchAll(/^ {5}(\S.*::.*::.*)$/gm)].map(([, text = '']) => changeSet(text))
  if (found.length !== Number(count)) throw unreadable(`${count} change sets announced, ${found.length} listed`)
  return found
}

/** The change sets that a run began, in its order: `Running Changeset: …` and `Rolling Back Changeset: …`. */
export function begunIn(output: string): ChangeSet[] {
  return named(output, /^(?:Running|Rolling Back) Changeset: (.*)$/gim)
}

/** The change sets in generated SQL: `-- Changeset …` going forward, `-- Rolling Back ChangeSet: …` going back. */
export function changeSetsOfSql(sql: string): ChangeSet[] {
  return named(sql, /^-- (?:Changeset|Rolling Back ChangeSet:) (\S.*::.*::.*)$/gm)
}

function named(text: string, pattern: RegExp): ChangeSet[] {
  return [...text.matchAll(pattern)].map(([, name = '']) => changeSet(name.trim()))
}

function unreadable(what: string): AquaError {
  return new AquaError('LIQUIBASE_OUTPUT', `the status that Liquibase printed cannot be read: ${what}`, {
    hint: 'run the same task with --verbose to see what it printed',
  })
}
