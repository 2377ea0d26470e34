import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Manifest } from '../../backup/manifest.ts'
import { schema } from '../../env/schema.ts'
import { type Cluster, postgresImage, seededSchemas, seedSql, startCluster } from './cluster.ts'
import { aqua, container, containers, docker, eventually, json, sweep } from './stack.ts'

const project = 'aqua-e2e-backup-container'
const volume = `${project}_backup-artifacts`
const IMAGE_PREFIX = `${project}/`

let cluster: Cluster
test.before(async () => {
  await sweep(project)
  cluster = await startCluster(project)
  await cluster.sql(seedSql())
})
test.after(async () => {
  await sweep(project)
  const made = await docker('image', 'ls', '-q', `${IMAGE_PREFIX}*`)
  if (made) await docker('rmi', '--force', ...made.split('\n'))
})

/** Everything without which Compose does not read the files, and this cluster's own password. */
const values = Object.fromEntries(
  schema
    .filter(({ required, default: given, readBy }) => required && given === undefined && readBy !== 'aqua')
    .map(({ name }) => [name, 'unused-unused-unused-unused-unused']),
)

test('the container takes a set on time, keeps it out of reach of down --volumes, and ends when told to', async () => {
  const env = {
    ...values,
    COMPOSE_PROJECT_NAME: project,
    IMAGE_PREFIX,
    POSTGRES_USER: 'aquastream',
    POSTGRES_DB: 'aquastream',
    POSTGRES_PASSWORD: cluster.password,
    POSTGRES_IMAGE: postgresImage,
    BACKUP_CRON: '* * * * *',
    BACKUP_OPTIONS: '--compress zstd',
    BACKUP_KEEP: 'last=1',
  }
  await aqua(['schedule', 'install', '--container'], 0, { env, live: true })
  await docker('network', 'connect', '--alias', 'postgres', `${project}_backend`, cluster.id)
  const { Id } = await container('backup', project)
  const inContainer = async (...argv: string[]) =>
    JSON.parse(await docker('exec', Id, 'aqua', ...argv, '--json')).result
  type Listed = { id: string; state: string }[]
  const sets = async () =>
    ((await inContainer('backup', 'list')).sets as Listed).filter(({ state }) => state === 'complete')
  await eventually('a first set', async () => (await sets()).length === 1, 120)
  const [first] = await sets()
  const { manifest } = (await inContainer('backup', 'show', first?.id ?? '')) as { manifest: Manifest }
  const subjects = manifest.files.filter(({ kind }) => kind === 'schema').map(({ subject }) => subject)
  assert.equal(subjects.sort(), [...seededSchemas].sort())
  const users = Number(await cluster.sql('SELECT count(*) FROM "user".users'))
  assert.is(manifest.rows.user?.users, users)
  assert.ok(manifest.files.every(({ compression }) => compression === 'zstd'))
  await eventually('the next one, and the first pruned', async () => (await sets())[0]?.id !== first?.id, 120)
  assert.is((await sets()).length, 1)
  const logs = await docker('logs', Id)
  assert.not.match(logs, cluster.password)
  const shown = await json(['schedule', 'show'], 0, { env })
  assert.is(shown.result.container, 'running')
  const processes = await docker('top', Id, '-o', 'pid,args')
  assert.not.match(processes, cluster.password)

  await docker('stop', '--time', '30', Id)
  assert.is((await container('backup', project)).State.ExitCode, 143, 'it ended by itself')
  await aqua(['schedule', 'remove', '--container'], 0, { env })
  assert.not.ok((await containers(project)).has('backup'))
  await docker('rm', '-f', '-v', cluster.id)
  await aqua(['down', '--volumes', '--no-safety', '--yes'], 0, { env })
  assert.is(await docker('volume', 'inspect', '-f', '{{.Name}}', volume), volume)
})

test.run()
