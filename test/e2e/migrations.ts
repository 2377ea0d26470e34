import type { Test } from 'uvu'
import * as assert from 'uvu/assert'
import { migrating } from '../../docker/liquibase/verbs.ts'
import { json, query } from './stack.ts'

interface Status {
  service: string
  applied: number
  pending: unknown[]
  lock: string | null
}

const changelogs = migrating.map(({ schema }) => `select '${schema}' as owner, * from "${schema}".databasechangelog`)

/** Every change set that any schema records, with when and in which run it was executed. */
async function recorded(): Promise<string[]> {
  const columns = 'owner, orderexecuted, id, author, filename, dateexecuted, exectype, md5sum, deployment_id'
  const rows = await query(`select ${columns} from (${changelogs.join(' union all ')}) x order by owner, orderexecuted`)
  return rows.split('\n')
}

/** Declared in the middle of the story of `stack.test.ts`: the services have migrated their schemas when they started. */
export function migrationsStory(test: Test): void {
  test('after the services’ own migrations nothing is pending, and an update by hand runs none again', async () => {
    const before = await recorded()
    const count = (schema: string | undefined) => before.filter((row) => row.startsWith(`${schema}|`)).length
    for (const { schema } of migrating) assert.ok(count(schema) > 0, `${schema} was migrated at its service's start`)
    const { result } = await json(['liquibase', 'all', 'status'], 0)
    assert.equal(
      (result.services as Status[]).map(({ service, applied, pending, lock }) => [service, applied, pending, lock]),
      migrating.map(({ name, schema }) => [name, count(schema), [], null]),
    )
    const updated = (await json(['liquibase', 'all', 'update'], 0)).result.services
    assert.equal(
      updated,
      migrating.map(({ name }) => ({ service: name, applied: [] })),
    )
    assert.equal(await recorded(), before)
    const identities = before.map((row) => [0, 2, 3, 4].map((column) => row.split('|')[column]).join('|'))
    assert.is(new Set(identities).size, identities.length, 'a change set is recorded twice')
    // Neither made a second history beside the services' own.
    const histories = await query("select count(*) from pg_class where relname = 'databasechangelog' and relkind = 'r'")
    assert.is(Number(histories), migrating.length)
  })
}
