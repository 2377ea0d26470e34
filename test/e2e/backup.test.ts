import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { artifacts, sha256, watchArgv } from './backups.ts'
import { type Cluster, seededSchemas, seedSql, startCluster } from './cluster.ts'
import { startHostServer } from './hostserver.ts'
import { aqua, docker, envelope, eventually, json, refusal, start, startAqua } from './stack.ts'

let cluster: Cluster

test.before(async () => {
  cluster = await startCluster('aqua-e2e-backup')
  await cluster.sql(seedSql())
  // Enough that a dump of it can be caught in the middle.
  await cluster.sql(`CREATE TABLE payment.bulk AS SELECT n, repeat(md5(n::text), 8) AS t FROM generate_series(1, 400000) n;
    CREATE ROLE reporting; CREATE ROLE analyst LOGIN PASSWORD 'only-in-the-server' CONNECTION LIMIT 3 IN ROLE reporting;
    ALTER ROLE analyst SET search_path TO "user", public; ALTER ROLE analyst SET statement_timeout TO '5s';
    CREATE ROLE unrelated; GRANT USAGE ON SCHEMA crew TO reporting; GRANT pg_read_all_stats TO reporting`)
})

test.after(() => cluster.remove())

/** Rows of every table, as the server counts them now. */
async function rowsOf(database: string, schema: string): Promise<Record<string, number>> {
  const names = (
    await cluster.sql(
      `SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind = 'r' AND nspname = '${schema}' ORDER BY 1`,
      database,
    )
  ).split('\n')
  const counts: Record<string, number> = {}
  for (const name of names.filter(Boolean))
    counts[name] = Number(
      await cluster.sql(`SELECT count(*) FROM "${schema}"."${name.replaceAll('"', '""')}"`, database),
    )
  return counts
}

/** Restore a plain gzipped dump of a set with the container's own program, as somebody without aqua would. */
async function restoreByHand(file: string, database: string): Promise<void> {
  const ran = await start(
    [
      'sh',
      '-c',
      `gzip -dc "$1" | docker exec -i "$2" pg_restore -U aquastream -e -d "$3"`,
      'sh',
      file,
      cluster.id,
      database,
    ],
    {},
  ).ended
  assert.is(ran.code, 0, ran.stderr)
}

test('a set holds every schema, roles, rows and sums; nothing else is left', async () => {
  const out = artifacts(cluster)
  try {
    const { result } = await json(['backup'], 0, { env: out.env })
    const [manifest] = out.manifests()
    assert.ok(manifest)
    assert.is(result.set, manifest.id)
    const subjects = manifest.files.filter(({ kind }) => kind === 'schema').map(({ subject }) => subject)
    assert.equal(subjects.sort(), [...seededSchemas].sort())
    assert.equal(out.names(), [...manifest.files.map(({ name }) => name), `${manifest.id}.manifest.json`].sort())
    for (const file of manifest.files) {
      const full = path.join(out.dev, file.name)
      assert.is(fs.statSync(full).size, file.stored.bytes)
      assert.is(fs.statSync(full).mode & 0o777, 0o600)
      assert.is(sha256(full), file.stored.sha256)
      assert.is(zlib.gunzipSync(fs.readFileSync(full)).length, file.plainBytes)
    }
    for (const schema of seededSchemas) assert.equal(manifest.rows[schema], await rowsOf('aquastream', schema), schema)
    assert.is(manifest.rows.notification?.messages_2026, 400)
    assert.ok(manifest.extensions.some(({ name }) => name === 'pgcrypto'))
    assert.ok(manifest.roles.includes('backend_user') && manifest.roles.includes('reporting'))
    assert.not(manifest.roles.includes('unrelated'))
  } finally {
    out.remove()
  }
})

test('roles: missing ones are made as they were, without passwords; those that exist stay as they are', async () => {
  const out = artifacts(cluster)
  const other = await startCluster('aqua-e2e-backup-roles')
  try {
    await aqua(['backup'], 0, { env: out.env })
    const name = out.names().find((one) => one.startsWith('roles_')) ?? ''
    const sql = zlib.gunzipSync(fs.readFileSync(path.join(out.dev, name))).toString()
    assert.not.match(sql, /PASSWORD|SCRAM|only-in-the-server|unrelated/)
    await other.sql('CREATE ROLE backend_user NOLOGIN CREATEDB')
    for (let again = 0; again < 2; again++) await other.sql(sql)
    const look = (of: Cluster, names: string) =>
      of.sql(`SELECT rolname, rolcanlogin, rolinherit, rolconnlimit, rolconfig, (SELECT string_agg(roleid::regrole::text, ',' ORDER BY 1)
        FROM pg_auth_members WHERE member = r.oid) FROM pg_roles r WHERE rolname IN (${names}) ORDER BY 1`)
    const names = "'analyst', 'reporting', 'backend_event', 'backend_media'"
    assert.is(await look(other, names), await look(cluster, names))
    assert.match(
      await other.sql("SELECT rolconfig FROM pg_roles WHERE rolname = 'analyst'"),
      'search_path=\\"user\\", public',
    )
    assert.is(await other.sql("SELECT rolcanlogin, rolcreatedb FROM pg_roles WHERE rolname = 'backend_user'"), 'f|t')
  } finally {
    await other.remove()
    out.remove()
  }
})

test('one moment for all schemas, whatever is written meanwhile', async () => {
  const out = artifacts(cluster)
  await cluster.sql('CREATE DATABASE moment')
  await cluster.sql('CREATE TABLE media.steps (n int)')
  // Each round is one transaction over four schemas; the last schema that is dumped gets its row first.
  await cluster.sql('CREATE TABLE public.stop (); CREATE TABLE public.noise ()')
  const writer = cluster.sql(`DO $do$ DECLARE u bigint; e bigint; BEGIN
    WHILE NOT EXISTS (SELECT FROM public.stop) LOOP
      INSERT INTO media.steps VALUES (1);
      INSERT INTO "user".users (email, kind, made) VALUES (gen_random_uuid()::text, 'coach', now()) RETURNING id INTO u;
      INSERT INTO event.events (owner, title) VALUES (u, 'while it runs') RETURNING id INTO e;
      INSERT INTO payment.payments (event, amount) VALUES (e, 1);
      TRUNCATE public.noise;
      COMMIT;
    END LOOP; END $do$`)
  writer.catch(() => {})
  try {
    await eventually(
      'writing has begun',
      async () => Number(await cluster.sql('SELECT count(*) FROM media.steps').catch(() => 0)) > 5,
    )
    await aqua(['backup'], 0, { env: out.env })
    const [manifest] = out.manifests()
    const during = Number(await cluster.sql('SELECT count(*) FROM media.steps'))
    await cluster.sql('INSERT INTO public.stop DEFAULT VALUES')
    await writer
    assert.ok(manifest)
    for (const schema of ['user', 'event', 'crew', 'payment', 'notification', 'media'])
      await restoreByHand(path.join(out.dev, `${schema}_${manifest.id}.dump.gz`), 'moment')
    const count = async (what: string) => Number(await cluster.sql(`SELECT count(*) FROM ${what}`, 'moment'))
    const steps = await count('media.steps')
    assert.ok(during > steps + 10, `${during} rounds at the end, ${steps} in the set: nothing was written meanwhile`)
    assert.is(await count(`"user".users WHERE kind = 'coach' AND about IS NULL AND email !~ '@'`), steps)
    assert.is(await count("event.events WHERE title = 'while it runs'"), steps)
    for (const schema of seededSchemas) assert.equal(await rowsOf('moment', schema), manifest.rows[schema], schema)
  } finally {
    await cluster.sql('INSERT INTO public.stop DEFAULT VALUES')
    await writer.catch(() => {})
    await cluster.sql('DROP TABLE public.stop, public.noise, media.steps; DROP DATABASE moment')
    out.remove()
  }
})

test('a schema by name is that schema, however it is called', async () => {
  const out = artifacts(cluster)
  const odd = ['o*', 'Ünï "odd" $.x', 'UPPER', '1a']
  try {
    for (const name of [...odd, 'other', 'upper'])
      await cluster.sql(
        `CREATE SCHEMA "${name.replaceAll('"', '""')}"; CREATE TABLE "${name.replaceAll('"', '""')}".t AS SELECT 1`,
      )
    await aqua(['backup', ...odd.flatMap((name) => ['--schema', name])], 0, { env: out.env })
    const [manifest] = out.manifests()
    assert.ok(manifest)
    for (const name of odd) {
      const file = path.join(out.dev, `${name}_${manifest.id}.dump.gz`)
      const listed = await start(
        ['sh', '-c', 'gzip -dc "$1" | docker exec -i "$2" pg_restore -l', 'sh', file, cluster.id],
        {},
      ).ended
      const schemas = listed.stdout.split('\n').filter((line) => / SCHEMA - /.test(line))
      assert.is(schemas.length, 1, listed.stdout)
      assert.match(schemas[0] ?? '', ` SCHEMA - ${name} aquastream`)
      assert.equal(manifest.rows[name], { t: 1 })
    }
    const before = out.names()
    const error = await refusal(['backup', '--schema', 'usr'], 2, { env: out.env })
    assert.is(error.code, 'NO_SCHEMA')
    assert.is(error.hint, 'did you mean user?')
    assert.equal(out.names(), before)
  } finally {
    for (const name of [...odd, 'other', 'upper'])
      await cluster.sql(`DROP SCHEMA "${name.replaceAll('"', '""')}" CASCADE`)
    out.remove()
  }
})

test('a database without schemas is refused; schemas that are not there are named', async () => {
  await cluster.sql('CREATE DATABASE bare')
  const out = artifacts(cluster, { POSTGRES_DB: 'bare' })
  try {
    assert.is((await refusal(['backup'], 1, { env: out.env })).code, 'NOTHING_TO_BACK_UP')
    assert.equal(out.names(), [])
    await cluster.sql(
      'CREATE SCHEMA "user"; CREATE TABLE "user".t AS SELECT 1; CREATE TABLE public.stray AS SELECT 1',
      'bare',
    )
    const ran = await aqua(['backup', '--json'], 0, { env: out.env })
    assert.equal(envelope(ran).result.absent, ['event', 'crew', 'payment', 'notification', 'media'])
    assert.match(ran.stderr, /not in the set.*public/)
    assert.equal(out.manifests()[0]?.rows, { user: { t: 1 } })
  } finally {
    await cluster.sql('DROP DATABASE bare')
    out.remove()
  }
})

test('row-level security: loud, and nothing is left', async () => {
  const out = artifacts(cluster, { POSTGRES_USER: 'limited' })
  try {
    await cluster.sql(`CREATE ROLE limited LOGIN; CREATE SCHEMA guarded; CREATE TABLE guarded.t AS SELECT 1 AS n;
      ALTER TABLE guarded.t ENABLE ROW LEVEL SECURITY; GRANT USAGE ON SCHEMA guarded TO limited; GRANT SELECT ON guarded.t TO limited`)
    const error = await refusal(['backup', '--schema', 'guarded'], 1, { env: out.env })
    assert.match([error.message, ...error.details].join('\n'), /row-level security/)
    assert.equal(out.names(), [])
  } finally {
    await cluster.sql('DROP SCHEMA guarded CASCADE; DROP ROLE limited')
    out.remove()
  }
})

const dumps = "application_name LIKE 'aqua backup: pg_dump%'"

/** Until pg_dump copies the large table. */
async function dumping(): Promise<void> {
  await eventually(
    'pg_dump copies',
    async () =>
      (await cluster.sql(`SELECT count(*) FROM pg_stat_activity WHERE ${dumps} AND query ~ 'COPY payment.bulk'`)) ===
      '1',
    20,
  )
}

test('pg_dump dies in the middle: exit 1, its words, and nothing is left', async () => {
  const out = artifacts(cluster)
  try {
    const killings = [
      () => docker('exec', cluster.id, 'pkill', '-9', 'pg_dump'),
      () => cluster.sql(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${dumps}`),
    ]
    for (const kill of killings) {
      const running = startAqua(['backup', '--json'], { env: out.env })
      await dumping()
      await kill()
      const ran = await running.ended
      assert.is(ran.code, 1, ran.stderr)
      assert.is(envelope(ran).error?.code, 'DUMP_FAILED')
      assert.equal(out.names(), [])
    }
    await aqua(['backup'], 0, { env: out.env })
  } finally {
    out.remove()
  }
})

test('one at a time: the second names the first, or waits for it', async () => {
  const out = artifacts(cluster)
  try {
    // A table that somebody else has for himself holds the first one up for as long as is wanted.
    const busy = cluster.sql('BEGIN; LOCK TABLE payment.bulk; SELECT pg_sleep(600)')
    busy.catch(() => {})
    const first = startAqua(['backup'], { env: out.env })
    const held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1634825569 AND granted"
    await eventually('the first one holds the lock', async () => (await cluster.sql(held)) === '1', 20)
    const error = await refusal(['backup'], 1, { env: out.env })
    assert.is(error.code, 'BACKUP_RUNNING')
    assert.match(error.message, new RegExp(`aqua backup on .* \\(pid ${first.pid}\\) holds the backup lock since 20`))
    const waiting = startAqua(['backup', '--wait', '60'], { env: out.env })
    await cluster.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND pid <> pg_backend_pid()",
    )
    assert.is((await first.ended).code, 0)
    assert.is((await waiting.ended).code, 0)
    assert.is(out.manifests().length, 2)
  } finally {
    out.remove()
  }
})

test('killed outright, the next run goes at once, and clears up what was left; foreign files stay', async () => {
  const out = artifacts(cluster)
  try {
    fs.mkdirSync(out.dev)
    const foreign = [
      'user_20240101.dump.gz',
      'weekly_user_2024-05.dump.gz',
      'notes.txt',
      '.hidden',
      'a_99990101T000000Z.dump',
    ]
    for (const name of foreign) fs.writeFileSync(path.join(out.dev, name), 'mine')
    fs.writeFileSync(path.join(out.dev, 'event_20250101T000000Z.dump.gz'), 'unfinished, of long ago')
    const killed = startAqua(['backup'], { env: out.env })
    await dumping()
    killed.child.kill('SIGKILL')
    await killed.ended
    assert.ok(out.names().length > foreign.length + 1)
    await aqua(['backup'], 0, { env: out.env })
    const [manifest, ...more] = out.manifests()
    assert.ok(manifest)
    assert.is(more.length, 0)
    const set = [...manifest.files.map(({ name }) => name), `${manifest.id}.manifest.json`]
    assert.equal(out.names(), [...foreign, ...set].sort())
    assert.is(await cluster.sql(`SELECT count(*) FROM pg_stat_activity WHERE ${dumps}`), '0')
  } finally {
    out.remove()
  }
})

test('Ctrl-C: exit 130, nothing is left, no dump goes on in the container', async () => {
  const out = artifacts(cluster)
  try {
    const running = startAqua(['backup'], { env: out.env })
    await dumping()
    running.child.kill('SIGINT')
    assert.is((await running.ended).code, 130)
    assert.equal(out.names(), [])
    await eventually(
      'no connection is left',
      async () =>
        (await cluster.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'aqua%'")) === '0',
      3,
    )
  } finally {
    out.remove()
  }
})

test('no client, no pg_dump, an older pg_dump: exit 3, by name', async () => {
  const url = `postgres://aquastream:${cluster.password}@127.0.0.1:${cluster.port}/aquastream`
  const bin = fs.mkdtempSync('/tmp/aqua-e2e-backup-bin-')
  const out = artifacts(cluster, { DATABASE_URL: url })
  try {
    // What starts programs here is bash; Debian's psql is a wrapper in Perl.
    for (const name of ['bash', 'perl']) await link(bin, name)
    const env = { ...out.env, PATH: bin }
    const missing = await refusal(['backup'], 3, { env })
    assert.match(missing.message, /psql is not installed/)
    if (await link(bin, 'psql')) assert.is((await refusal(['backup'], 3, { env })).code, 'CLIENT_MISSING')
    const dump = await start(['sh', '-c', 'pg_dump --version']).ended
    const version = Number(/(\d+)/.exec(dump.stdout)?.[1])
    if (dump.code === 0 && version < 17) {
      const argv = watchArgv()
      const error = await refusal(['backup'], 3, { env: out.env })
      const seen = argv.stop()
      assert.is(error.code, 'CLIENT_OLDER')
      assert.match(error.message, new RegExp(`pg_dump ${version}`))
      assert.not(seen.includes(cluster.password))
    }
    assert.equal(out.names(), [])
  } finally {
    fs.rmSync(bin, { recursive: true })
    out.remove()
  }
})

test("by DATABASE_URL, with this machine's programs: a set and a copy of it, and the password is in no command line", async () => {
  const server = await startHostServer()
  if (!server) {
    process.stdout.write('  DATABASE_URL: not tried, this machine has no PostgreSQL server that its pg_dump can dump\n')
    return
  }
  const out = artifacts(cluster, { DATABASE_URL: server.url })
  const argv = watchArgv()
  try {
    await server.sql(seedSql())
    for (const compress of ['gzip', 'zstd'])
      await json(['backup', '--compress', compress, '--no-prune'], 0, { env: out.env })
    const [one, two] = out.manifests()
    assert.ok(one && two)
    assert.match(one.tool.client, /^\d+/)
    assert.equal(two.rows, one.rows)
    assert.is(one.rows.payment?.payments, 2000)
    assert.equal(
      two.files.map(({ plainBytes }) => plainBytes),
      one.files.map(({ plainBytes }) => plainBytes),
    )
    const sums = `SELECT md5(string_agg(u::text, ',' ORDER BY id)) FROM "user".users u`
    for (const [copy, { id }] of [
      ['copy_one', one],
      ['copy_two', two],
    ] as const) {
      await json(['restore', 'all', id, '--into', copy, '--yes', '--no-safety'], 0, { env: out.env })
      assert.is(await server.sql(sums, copy), await server.sql(sums))
    }
    const seen = argv.stop()
    assert.match(seen, /pg_dump -Fc -Z0/)
    assert.match(seen, /pg_restore/)
    assert.not(seen.includes(server.password))
  } finally {
    argv.stop()
    server.stop()
    out.remove()
  }
})

/** Put a program of this machine into a folder; false where there is none. */
async function link(folder: string, name: string): Promise<boolean> {
  const found = await start(['sh', '-c', `command -v ${name}`]).ended
  if (found.code === 0) fs.symlinkSync(found.stdout.trim(), path.join(folder, name))
  return found.code === 0
}

test('down --volumes takes a set first, or refuses', async () => {
  const project = 'aqua-e2e-backup-down'
  const mine = await startCluster(project)
  const out = artifacts(mine)
  const volume = `${project}_postgres-data`
  const label = [
    '--label',
    `com.docker.compose.project=${project}`,
    '--label',
    'com.docker.compose.volume=postgres-data',
  ]
  const there = async () => (await start(['docker', 'volume', 'inspect', volume]).ended).code === 0
  const env = out.env
  try {
    await mine.sql(seedSql())
    await docker('volume', 'create', ...label, volume)
    const refused = await refusal(['down', '--volumes', '--yes'], 6, { env })
    assert.is(refused.code, 'NO_SAFETY_SET')
    assert.match(refused.message, /minio of .* is not running/)
    assert.ok(await there())
    await docker('rm', '-f', mine.id)
    assert.match((await refusal(['down', '--volumes', '--yes'], 6, { env })).message, /does not run/)
    assert.ok(await there())
    await json(['down', '--volumes', '--no-safety', '--yes'], 0, { env })
    assert.not(await there())
    await json(['down', '--volumes', '--yes'], 0, { env })
    assert.equal(out.names(), [])
  } finally {
    await docker('rm', '-f', '-v', `${project}-postgres-1`)
    await docker('volume', 'rm', '-f', volume)
    out.remove()
  }
})

test.run()
