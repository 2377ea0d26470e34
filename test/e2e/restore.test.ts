import fs from 'node:fs'
import path from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Envelope } from '../../scripts/run.ts'
import { clusterEnv, seededSchemas, startCluster } from './cluster.ts'
import { startMinio } from './minio.ts'
import { databases, dumpText, image, inCluster, startWorld, type World } from './restores.ts'
import { aqua, docker, eventually, json, program, refusal, start, startAqua } from './stack.ts'

let world: World
let whole: string
let set: string

const sql = (text: string, database?: string) => world.cluster.sql(text, database)
const options = () => ({ env: world.env })
/** Without a safety set unless it is the point: each costs seconds. */
const restore = (...words: string[]) => json(['restore', ...words, '--yes', '--no-safety'], 0, options())
const refused = (code: number, ...words: string[]) =>
  refusal(['restore', ...words, '--yes', '--no-safety'], code, options())
const result = (ran: Envelope) => ran.result as Record<string, unknown>

async function sameAs(text: string): Promise<void> {
  const now = await dumpText(world.cluster)
  if (now === text) return
  const before = text.split('\n')
  assert.equal(
    now
      .split('\n')
      .filter((line, i) => line !== before[i])
      .slice(0, 5),
    [],
    'the database is not what it was',
  )
}

function stored(schema: string): string {
  return path.join(world.store, `${schema}_${set}.dump.gz`)
}

/** A plain dump under a name of its own. */
function plainDump(name: string, change: (bytes: Buffer) => Buffer = (bytes) => bytes, schema = 'user'): string {
  const file = path.join(world.folder, name)
  fs.writeFileSync(file, change(gunzipSync(fs.readFileSync(stored(schema)))))
  return file
}

test.before(async () => {
  world = await startWorld('restore-e2e')
  set = result(await json(['backup'], 0, options())).set as string
  whole = await dumpText(world.cluster)
})

test.after(() => world.remove())

// What one test leaves broken is not to fail the others.
test.before.each(async () => {
  if ((await dumpText(world.cluster)) === whole) return
  await restore('all', set)
  await json(['restore', '--drop-old', '--yes'], 0, options())
})

const damage: Record<string, string> = {
  user: `UPDATE "user".users SET email = 'x' || email, kind = 'admin'; DROP TABLE "user"."Odd ""Name";
    REVOKE ALL ON "user".users FROM backend_event; ALTER SCHEMA "user" OWNER TO aquastream; CREATE TABLE "user".junk (i int);
    ALTER DEFAULT PRIVILEGES FOR ROLE backend_user IN SCHEMA "user" REVOKE SELECT ON TABLES FROM backend_event;
    ALTER TABLE "user".users ADD junk text, ALTER about SET DEFAULT ''`,
  event: `UPDATE event.events SET title = 'x', level = 'admin'; DROP VIEW event.named;
    REVOKE ALL (id, title) ON event.events FROM backend_payment; ALTER SEQUENCE event.events_id_seq RESTART 9`,
  crew: 'DROP TABLE crew.crews; DELETE FROM crew.invites; DROP TRIGGER touch ON crew.invites',
  payment:
    'TRUNCATE payment.payments; REFRESH MATERIALIZED VIEW payment.totals; ALTER TABLE payment.payments DROP CONSTRAINT payments_event_fkey',
  notification: 'DROP SCHEMA notification CASCADE',
  media: `DELETE FROM media.files; DROP VIEW media.owners; ALTER TABLE media.files DROP owner CASCADE`,
}

for (const schema of seededSchemas)
  test(`${schema} alone, in place: as it was, with all that other schemas have of it`, async () => {
    await sql(damage[schema] ?? '')
    assert.is.not(await dumpText(world.cluster), whole, 'the damage shows')
    const done = await restore(schema, 'latest')
    await sameAs(whole)
    assert.ok(Number(result(done).rows) > 0)
  })

test('sequences go on where they were, and views of other schemas show the restored rows', async () => {
  await sql(`INSERT INTO "user".users (email, kind, made) VALUES ('later@example.org', 'coach', now())`)
  await restore('user', set)
  const next = `INSERT INTO "user".users (email, kind, made) VALUES ('next@example.org', 'coach', now()) RETURNING id`
  assert.is(await sql(next), '501')
  assert.is(await sql("SELECT owner FROM media.owners WHERE object = 'o/1'"), 'user2@example.org (admin)')
  await restore('user', set)
  await sameAs(whole)
})

test('all: damaged beyond anything one schema could mend, and what no set holds is carried over', async () => {
  await sql(
    'DROP SCHEMA event CASCADE; DROP TYPE "user".role_kind CASCADE; DELETE FROM payment.payments; CREATE TABLE crew.junk ()',
  )
  const damaged = await dumpText(world.cluster)
  const carried = await sql("SELECT md5(string_agg(l::text, ',' ORDER BY id)) FROM audit.log l")
  const { old, rows } = result(await restore('all', 'latest'))
  await sameAs(whole)
  assert.is(rows, 3353)
  assert.is(await sql("SELECT md5(string_agg(l::text, ',' ORDER BY id)) FROM audit.log l"), carried)
  assert.equal(await databases(world.cluster), ['aquastream', old])
  const aside = (await dumpText(world.cluster, String(old))).replaceAll(String(old), 'aquastream')
  const body = (text: string) => text.replace(/^COMMENT ON DATABASE .*$/m, '')
  assert.ok(body(aside) === body(damaged), 'the old database is what it was')
  await json(['restore', '--drop-old'], 6, options())
  assert.equal(await databases(world.cluster), ['aquastream', old], 'asked first, and nobody answered')
  await json(['restore', '--drop-old', '--yes'], 0, options())
  assert.equal(await databases(world.cluster), ['aquastream'])
  await json(['restore', '--drop-old'], 0, options())
})

test('connections that come back at once do not hold a swap up, and end up in the new database', async () => {
  const script = 'while :; do psql -qAtc "SELECT pg_sleep(0.2)" >/dev/null 2>&1; done'
  const pool = docker(
    'exec',
    '-e',
    'PGUSER=aquastream',
    '-e',
    'PGDATABASE=aquastream',
    world.cluster.id,
    'timeout',
    '40',
    'sh',
    '-c',
    script,
  )
  pool.catch(() => {})
  try {
    await restore('all', set)
    await sameAs(whole)
  } finally {
    await inCluster(world.cluster, 'sh', '-c', 'kill $(pgrep -f "[w]hile :;")').catch(() => {})
    await pool.catch(() => {})
  }
  await json(['restore', '--drop-old', '--yes'], 0, options())
})

test('files of the old scripts: gzip over pg_dump -Fc, the plain one, by path and by name', async () => {
  const make = `pg_dump -Fc -n '"user"' | gzip > /tmp/old.gz; pg_dump -Fc -n event > /tmp/old.dump`
  await inCluster(world.cluster, 'sh', '-c', make)
  await docker('cp', `${world.cluster.id}:/tmp/old.gz`, path.join(world.folder, 'user_20261101.dump.gz'))
  await docker('cp', `${world.cluster.id}:/tmp/old.dump`, path.join(world.folder, 'event_20261101.dump'))
  for (const name of ['user_20261101.dump.gz', path.join(world.folder, 'user_20261101.dump.gz'), '20261101']) {
    await sql('DELETE FROM "user"."Odd ""Name"')
    await restore('user', name)
    await sameAs(whole)
  }
  await sql('UPDATE event.events SET title = NULL WHERE false; DROP VIEW event.named')
  await restore('event', path.join(world.folder, 'event_20261101.dump'))
  await sameAs(whole)
})

test('make restore SCHEMA= FILE=', async () => {
  await sql("UPDATE crew.invites SET kinds = '{admin}'")
  const env = { ...world.env, ARGS: '--yes --no-safety' }
  const ran = await start(['make', '-s', 'restore', 'SCHEMA=crew', `FILE=${set}`], { env }).ended
  assert.is(ran.code, 0, ran.stderr)
  await sameAs(whole)
})

test('encrypted with age, compressed by zstd', async () => {
  const key = path.join(world.folder, 'key.txt')
  const keygen = await start(['age-keygen', '-o', key]).ended
  const recipients = path.join(world.folder, 'recipients.txt')
  fs.writeFileSync(recipients, `${/age1\w+/.exec(keygen.stderr)?.[0]}\n`)
  const env = { ...world.env, BACKUP_RECIPIENTS_FILE: recipients }
  const made = await json(['backup', '--schema', 'crew', '--encrypt', '--compress', 'zstd', '--no-prune'], 0, { env })
  const id = result(made).set as string
  await sql('DELETE FROM crew.crews')
  assert.is((await refused(3, 'crew', id)).code, 'NO_IDENTITY')
  await restore('crew', id, '--identity', key)
  await sameAs(whole)
  fs.rmSync(path.join(world.store, `${id}.manifest.json`))
})

test('a safety set is taken first, and latest does not mean it', async () => {
  await sql("UPDATE crew.invites SET kinds = '{admin}'")
  const { safety } = result(await json(['restore', 'crew', 'latest', '--yes'], 0, options())) as {
    safety: { set: string }
  }
  await sameAs(whole)
  const manifest = JSON.parse(fs.readFileSync(path.join(world.store, `${safety.set}.manifest.json`), 'utf8'))
  assert.is(manifest.safety, 'before restore crew')
  await restore('crew', safety.set)
  assert.is(await sql('SELECT kinds FROM crew.invites'), '{admin}')
  await restore('crew', 'latest')
  await sameAs(whole)
})

test('nobody to ask: nothing is done', async () => {
  assert.is((await refusal(['restore', 'crew', 'latest'], 6, options())).code, 'NOT_CONFIRMED')
  assert.is((await refusal(['restore', 'crew'], 2, options())).code, 'USAGE')
})

test('a copy of all, and of one schema with a list of what it lacks', async () => {
  const { rows } = result(await restore('all', set, '--into', 'copy_all'))
  assert.is(rows, 3353)
  assert.is(await sql('SELECT count(*) FROM event.named', 'copy_all'), '300')
  const { leftOut } = result(await restore('payment', set, '--into', 'copy_one'))
  assert.equal(leftOut, ['fk constraint payment.payments payments_event_fkey'])
  assert.is(await sql('SELECT count(*) FROM payment.payments', 'copy_one'), '2000')
  assert.is((await refused(6, 'payment', set, '--into', 'copy_one')).code, 'DATABASE_EXISTS')
  assert.is((await refused(6, 'event', set, '--into', 'copy_two')).code, 'NEEDS_OTHERS')
  assert.equal(await databases(world.cluster), ['aquastream', 'copy_all', 'copy_one'])
  await sql('DROP DATABASE copy_all')
  await sql('DROP DATABASE copy_one')
  await sameAs(whole)
})

/** Refused with this code, and the database is what it was. */
async function untouched(code: number, name: string, ...words: string[]) {
  const before = await dumpText(world.cluster)
  const error = await refused(code, ...words)
  assert.is(error.code, name, `${error.message} ${error.details.join('; ')}`)
  await sameAs(before)
  assert.equal(await databases(world.cluster), ['aquastream'])
  return error
}

test('refused: a flipped byte, a cut, an empty file, a wrong suffix', async () => {
  const good = fs.readFileSync(stored('user'))
  const keep = (bytes: Buffer) => fs.writeFileSync(stored('user'), bytes)
  try {
    const flipped = Buffer.from(good)
    flipped.writeUInt8(flipped.readUInt8(good.length >> 1) ^ 1, good.length >> 1)
    keep(flipped)
    await untouched(5, 'ARCHIVE_DAMAGED', 'user', set)
    await untouched(5, 'ARCHIVE_DAMAGED', 'all', set)
    keep(good.subarray(0, good.length - 9))
    await untouched(5, 'SET_INCOMPLETE', 'user', set)
  } finally {
    keep(good)
  }
  const cut = plainDump('cut.dump', (bytes) => bytes.subarray(0, bytes.length >> 1))
  await untouched(5, 'ARCHIVE_DAMAGED', 'user', cut)
  await untouched(
    5,
    'WRONG_SUFFIX',
    'user',
    plainDump('empty.dump', () => Buffer.alloc(0)),
  )
  await untouched(5, 'WRONG_SUFFIX', 'user', plainDump('zipped.dump', gzipSync))
  await untouched(5, 'WRONG_SUFFIX', 'user', plainDump('plain.dump.gz'))
})

test('refused: another schema, a part of one, a set that is not all', async () => {
  const error = await untouched(6, 'WRONG_SCHEMA', 'user', stored('event'))
  assert.match(error.hint ?? '', 'aqua restore event')
  await inCluster(
    world.cluster,
    'sh',
    '-c',
    `pg_dump -Fc -t '"user".users' > /tmp/part.dump; pg_dump -Fc > /tmp/whole.dump`,
  )
  for (const name of ['part', 'whole']) {
    const file = path.join(world.folder, `${name}.dump`)
    await docker('cp', `${world.cluster.id}:/tmp/${name}.dump`, file)
    await untouched(6, 'WRONG_SCHEMA', 'user', file)
  }
  const { set: part } = result(await json(['backup', '--schema', 'crew', '--no-prune'], 0, options()))
  await untouched(6, 'SET_PARTIAL', 'all', String(part))
  await untouched(2, 'SET_LACKS', 'user', String(part))
  for (const name of fs.readdirSync(world.store))
    if (name.includes(String(part))) fs.rmSync(path.join(world.store, name))
})

test('refused: an archive by a newer PostgreSQL', async () => {
  const newer = (bytes: Buffer) => {
    const text = bytes.toString('latin1')
    assert.match(text, '17.')
    return Buffer.from(text.replaceAll(/17(\.\d+ \(Debian)/g, '99$1'), 'latin1')
  }
  const error = await untouched(3, 'ARCHIVE_NEWER', 'user', plainDump('newer.dump', newer))
  assert.match(error.message, /99\.\d+.*17\./)
  const format = (bytes: Buffer) => Buffer.concat([bytes.subarray(0, 6), Buffer.from([99]), bytes.subarray(7)])
  const ran = await refused(3, 'user', plainDump('format.dump', format))
  assert.match(ran.code, /ARCHIVE_NEWER|CLIENT_OLDER/)
})

test('refused: roles that the server lacks; made on request', async () => {
  await sql('CREATE ROLE gone; GRANT SELECT ON crew.crews TO gone')
  const { set: id } = result(await json(['backup', '--schema', 'crew', '--no-prune'], 0, options()))
  await sql('DROP OWNED BY gone; DROP ROLE gone')
  const error = await untouched(3, 'ROLES_MISSING', 'crew', String(id))
  assert.match(error.message, 'gone')
  await restore('crew', String(id), '--create-roles')
  assert.is(await sql("SELECT has_table_privilege('gone', 'crew.crews', 'SELECT')"), 't')
  await sql('DROP OWNED BY gone; DROP ROLE gone')
  await sameAs(whole)
  for (const name of fs.readdirSync(world.store)) if (name.includes(String(id))) fs.rmSync(path.join(world.store, name))
})

test('refused: rows elsewhere would refer to nothing, and are counted', async () => {
  await sql(`INSERT INTO "user".users (email, kind, made) VALUES ('new@example.org', 'coach', now());
    INSERT INTO event.events (owner, title) VALUES (501, 'a'), (501, 'b'); INSERT INTO crew.crews (captain) VALUES (501)`)
  const error = await untouched(6, 'ORPHANS', 'user', set)
  assert.equal(error.details, [
    'crew.crews (captain) → "user".users: 1 row refers to nothing',
    'event.events (owner) → "user".users: 2 rows refer to nothing',
  ])
  await sql(
    'DELETE FROM event.events WHERE id = 7 AND false; DELETE FROM payment.payments WHERE event = 300; DELETE FROM notification.messages WHERE event = 300; DELETE FROM event.events WHERE id = 300',
  )
  const own = await untouched(6, 'ORPHANS', 'payment', set)
  assert.match(own.details[0] ?? '', /payment\.payments \(event\) → event\.events: \d+ rows? refers? to nothing/)
  await restore('all', set)
  await sameAs(whole)
  await json(['restore', '--drop-old', '--yes'], 0, options())
})

test('refused: other schemas hold on in a way that cannot be made again', async () => {
  await sql(
    `CREATE TABLE audit.snapshots (u "user".users); CREATE FUNCTION audit.about(u "user".users) RETURNS text LANGUAGE sql AS $$ SELECT u.email $$`,
  )
  const error = await untouched(6, 'IN_THE_WAY', 'user', set)
  assert.match(error.details.join('\n'), 'column u of table audit.snapshots')
  assert.match(error.details.join('\n'), 'audit.about')
  await sql('DROP TABLE audit.snapshots; DROP FUNCTION audit.about')
  await sql(`ALTER TYPE "user".role_kind ADD VALUE 'guest'`)
  const type = await untouched(6, 'IN_THE_WAY', 'user', set)
  assert.match(type.details.join('\n'), 'column level of table event.events depends on type "user".role_kind')
  await restore('all', set)
  await sameAs(whole)
  await json(['restore', '--drop-old', '--yes'], 0, options())
})

test('refused: a swap under a subscription; a schema of it is restored', async () => {
  await sql(
    "CREATE SUBSCRIPTION later CONNECTION 'dbname=elsewhere' PUBLICATION p WITH (connect = false, slot_name = NONE)",
  )
  try {
    const error = await refused(6, 'all', set)
    assert.is(error.code, 'REPLICATION')
    assert.equal(error.details, ['subscription later'])
    assert.equal(await databases(world.cluster), ['aquastream'])
    await sql('DELETE FROM crew.invites')
    await restore('crew', set)
    assert.is(await sql('SELECT count(*) FROM crew.invites'), '1')
  } finally {
    await sql('DROP SUBSCRIPTION later')
  }
  await sameAs(whole)
})

test('warned: the new database may not fit where the server keeps its data', async () => {
  const small = await startCluster('restore-e2e-small', ['--tmpfs', '/var/lib/postgresql/data:size=400m'])
  const env = { ...world.env, ...clusterEnv(small) }
  const copy = (name: string) =>
    aqua(['restore', 'all', set, '--into', name, '--yes', '--no-safety', '--create-roles'], 0, { env })
  try {
    await small.sql(`CREATE UNLOGGED TABLE big AS SELECT repeat(md5(n::text), 60) AS t FROM generate_series(1, 60000) n;
      ALTER TABLE big ALTER t SET STORAGE EXTERNAL; CHECKPOINT`)
    assert.not.match((await copy('roomy')).stderr, /are free where/)
    const free = 'df -k --output=avail . | tail -1'
    const ballast = `cd /var/lib/postgresql/data && fallocate -l $(( $(${free}) - 65536 ))KiB ballast`
    await docker('exec', small.id, 'sh', '-c', ballast)
    const ran = await copy('tight')
    assert.match(ran.stderr, /the new database needs about .* are free where the server keeps its data/)
    assert.is(await small.sql('SELECT count(*) FROM crew.invites', 'tight'), '1')
  } finally {
    await small.remove()
  }
})

test('refused: a table that somebody holds, with their name', async () => {
  const script = `BEGIN; SELECT count(*) FROM "user".users; SELECT pg_sleep(60)`
  const holder = start([
    program,
    'exec',
    '-i',
    '-e',
    'PGAPPNAME=a-report',
    world.cluster.id,
    'psql',
    '-qU',
    'aquastream',
    '-d',
    'aquastream',
    '-c',
    script,
  ])
  try {
    const error = await untouched(1, 'LOCKED_OUT', 'user', set)
    assert.match(error.details.join('\n'), 'a-report')
  } finally {
    await sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'a-report'")
    await holder.ended
  }
})

test('refused: other rows than the manifest counted', async () => {
  const file = path.join(world.store, `${set}.manifest.json`)
  const text = fs.readFileSync(file, 'utf8')
  const manifest = JSON.parse(text)
  manifest.rows.crew.crews += 1
  fs.writeFileSync(file, JSON.stringify(manifest))
  try {
    const error = await untouched(5, 'ROWS_DIFFER', 'crew', set)
    assert.equal(error.details, ['crew.crews: 50 instead of 51'])
    await untouched(5, 'ROWS_DIFFER', 'all', set)
  } finally {
    fs.writeFileSync(file, text)
  }
})

test('services that run are stopped before and started after, also when it fails', async () => {
  const name = `${world.cluster.project}-backend-user-1`
  const labels = ['project=restore-e2e', 'service=backend-user', 'oneoff=False', 'container-number=1', 'config-hash=x']
  await docker(
    ...['run', '-d', '--name', name, '--network', 'none', '--entrypoint', 'sh'],
    ...labels.flatMap((label) => ['--label', `com.docker.compose.${label}`]),
    ...[String(world.env.POSTGRES_IMAGE), '-c', 'trap "exit 0" TERM; sleep 600 & wait'],
  )
  const startedAt = () => docker('inspect', '-f', '{{.State.Running}} {{.State.StartedAt}}', name)
  try {
    const first = await startedAt()
    await restore('crew', set)
    const second = await startedAt()
    assert.match(second, /^true /)
    assert.is.not(second, first)
    await restore('crew', set, '--live')
    assert.is(await startedAt(), second)
    const before = await image(world.cluster)
    await sql('ALTER TABLE crew.crews RENAME TO crews2')
    await aqua(['restore', 'crew', set, '--yes', '--no-safety'], 0, options())
    assert.is(await image(world.cluster), before)
  } finally {
    await docker('rm', '-f', name)
  }
})

/** Connections that do a restore's work. Asked from elsewhere: the database itself may be on the move. */
const working = () =>
  sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'aqua restore: work'", 'postgres')

test('Ctrl-C: the database is what it was, and nothing half-made is left', async () => {
  for (const schema of ['user', 'all']) {
    const run = startAqua(['restore', schema, set, '--yes', '--no-safety'], options())
    await eventually('it is at work', async () => (await working()) !== '0' || run.child.exitCode !== null)
    run.child.kill('SIGINT')
    const { code } = await run.ended
    assert.ok(code === 130 || code === 0, `exit ${code}`)
    await sameAs(whole)
    if (code === 130) assert.equal(await databases(world.cluster), ['aquastream'])
    assert.is(await working(), '0', 'no connection is left at it')
  }
})

test('from S3, and with the objects of the buckets', async () => {
  const minio = await startMinio('restore-e2e-minio')
  try {
    const { accessKeyId, secretAccessKey } = minio.settings
    const env = {
      ...world.env,
      BACKUP_S3_BUCKET: 'backups',
      BACKUP_S3_ENDPOINT: minio.endpoint,
      BACKUP_S3_ACCESS_KEY: accessKeyId,
      BACKUP_S3_SECRET_KEY: secretAccessKey,
      S3_ENDPOINT: minio.endpoint,
      MINIO_ROOT_USER: accessKeyId,
      MINIO_ROOT_PASSWORD: secretAccessKey,
    }
    await minio.mc('mb', '-q', 'm/aquastream-media')
    await docker('exec', minio.id, 'sh', '-c', 'printf photo > /tmp/photo')
    await minio.mc(
      'cp',
      '-q',
      '--attr',
      'Content-Type=image/jpeg;color=blue',
      '/tmp/photo',
      'm/aquastream-media/a/1.jpg',
    )
    const { set: id } = result(await json(['backup', '--to', 's3', '--buckets', '--no-prune'], 0, { env }))
    await minio.mc('rm', '-q', 'm/aquastream-media/a/1.jpg')
    await sql('DELETE FROM crew.invites; DROP VIEW event.named')
    const words = ['--yes', '--no-safety']
    await json(['restore', 'crew', String(id), '--from', 'local', ...words], 2, { env })
    await json(['restore', 'crew', String(id), ...words], 0, { env })
    assert.is(await sql('SELECT count(*) FROM crew.invites'), '1')
    const { objects } = result(
      await json(['restore', 'all', 'latest', '--from', 's3', '--buckets', ...words], 0, { env }),
    )
    assert.is(objects, 1)
    await sameAs(whole)
    assert.is(await minio.mc('cat', 'm/aquastream-media/a/1.jpg'), 'photo')
    assert.match(await minio.mc('stat', '--json', 'm/aquastream-media/a/1.jpg'), 'image/jpeg')
  } finally {
    await minio.remove()
  }
  await json(['restore', '--drop-old', '--yes'], 0, options())
})

test.run()
