import { AquaError } from '../../scripts/error.ts'
import { identifier, literal } from '../postgres.ts'
import type { Session } from '../session.ts'
import type { Archive } from './archive.ts'

export interface Count {
  schema: string
  table: string
  expected: number
  found: number | undefined
}

/** Rows per table as the manifest counted them, and as they are here. */
export async function countRows(session: Session, archives: readonly Archive[]): Promise<Count[]> {
  const counts: Count[] = []
  for (const { schema, rows } of archives)
    for (const [name, expected] of Object.entries(rows ?? {})) {
      const table = `${identifier(schema)}.${identifier(name)}`
      const [[there] = []] = await session.query(`SELECT to_regclass(${literal(table)}) IS NOT NULL`)
      const [[found] = []] = there === 't' ? await session.query(`SELECT count(*) FROM ONLY ${table}`) : []
      counts.push({
        schema,
        table: `${schema}.${name}`,
        expected,
        found: found === undefined ? undefined : Number(found),
      })
    }
  return counts
}

/** Refuses other numbers than the manifest's; gives the number of rows, or undefined where no manifest counted. */
export function checkCounts(counts: readonly Count[]): number | undefined {
  const wrong = counts.filter(({ expected, found }) => expected !== found)
  if (wrong.length > 0)
    throw new AquaError('ROWS_DIFFER', 'the restored tables do not hold the rows that the manifest counted', {
      exit: 'problems',
      details: wrong.map(({ table, expected, found }) => `${table}: ${found ?? 'no table'} instead of ${expected}`),
    })
  return counts.length === 0 ? undefined : counts.reduce((sum, { expected }) => sum + expected, 0)
}
