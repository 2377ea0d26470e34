import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { query } from '../../backup/postgres.ts'
import { Session } from '../../backup/session.ts'
import { AquaError } from '../../scripts/error.ts'
import { type Cluster, connectTo, seedSql, startCluster, withIo } from './cluster.ts'

let cluster: Cluster

test.before(async () => {
  cluster = await startCluster('aqua-e2e-session')
  await cluster.sql(seedSql())
})

test.after(() => cluster.remove())

async function refusal(work: Promise<unknown>): Promise<AquaError> {
  const error = await work.then(
    () => undefined,
    (reason) => reason,
  )
  assert.instance(error, AquaError)
  return error as AquaError
}

test('a query gives rows of cells, whatever stands in them', async () => {
  await withIo(async (io) => {
    const postgres = await connectTo(io, cluster)
    assert.is(postgres.database, 'aquastream')
    assert.ok(postgres.server.versionNumber >= 160000)
    const rows = await query(io, postgres, "SELECT 1, E'a\\nb|c', NULL UNION ALL SELECT 2, 'x', 'y' ORDER BY 1")
    assert.equal(rows, [
      ['1', 'a\nb|c', ''],
      ['2', 'x', 'y'],
    ])
    assert.equal(await query(io, postgres, 'SELECT 1 WHERE false'), [])
  })
})

test('the server says why, in one sentence', async () => {
  await withIo(async (io) => {
    const postgres = await connectTo(io, cluster)
    const error = await refusal(query(io, postgres, 'SELECT nothing FROM nowhere'))
    assert.is(error.message, 'the database says: relation "nowhere" does not exist')
  })
})

test('a session keeps its transaction and its locks until it closes', async () => {
  await withIo(async (io) => {
    const postgres = await connectTo(io, cluster)
    const session = Session.open(io, postgres)
    await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const before = await session.query('SELECT count(*) FROM event.events')
    await session.query('SELECT pg_advisory_lock(1, 2)')
    await cluster.sql("INSERT INTO event.events (owner, title) VALUES (1, 'later')")
    assert.equal(await session.query('SELECT count(*) FROM event.events'), before)
    assert.is(await cluster.sql('SELECT pg_try_advisory_lock(1, 2)'), 'f')
    await session.close()
    assert.is(await cluster.sql('SELECT pg_try_advisory_lock(1, 2)'), 't')
  })
})

test('a failing statement, a killed backend: the waiting question is answered with the reason', async () => {
  await withIo(async (io) => {
    const postgres = await connectTo(io, cluster)
    const session = Session.open(io, postgres)
    assert.match((await refusal(session.query('SELECT 1/0'))).message, 'division by zero')
    assert.match((await refusal(session.query('SELECT 1'))).message, 'division by zero')
    const second = Session.open(io, postgres)
    const [[pid = ''] = []] = await second.query('SELECT pg_backend_pid()')
    const waiting = refusal(second.query('SELECT pg_sleep(60)'))
    await cluster.sql(`SELECT pg_terminate_backend(${pid})`)
    assert.match((await waiting).message, /terminating connection/)
  })
})

test.run()
