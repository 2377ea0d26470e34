import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { Postgres } from '../../backup/postgres.ts'
import { connect } from '../../backup/postgres.ts'
import type { Context } from '../../scripts/context.ts'
import { Executor } from '../../scripts/execute.ts'
import { Output } from '../../scripts/output.ts'
import { Redactor } from '../../scripts/secret.ts'
import { Children } from '../../scripts/spawn.ts'
import type { Io } from '../../scripts/step.ts'
import { docker, program } from './stack.ts'

/** Images that the stack's own test has built or pulled before: `stack.test.ts` goes first. */
export const postgresImage = process.env.POSTGRES_IMAGE || 'aqua/postgres:17-trixie'
export const minioImage = process.env.MINIO_IMAGE || 'aqua/minio:2026-02-12'

export interface Cluster {
  /** Compose project that its container claims to belong to, so that tasks find it as they find the stack's. */
  project: string
  id: string
  password: string
  port: number
  /** A query as the superuser; rows unaligned, as psql prints them. */
  sql(sql: string, database?: string): Promise<string>
  remove(): Promise<void>
}

/** A PostgreSQL of its own in a container, as the stack's: socket trusted, network by password. */
export async function startCluster(project: string, options: readonly string[] = []): Promise<Cluster> {
  const name = `${project}-postgres-1`
  const password = randomBytes(12).toString('hex')
  await docker('rm', '-f', '-v', name)
  const labels = [
    `com.docker.compose.project=${project}`,
    'com.docker.compose.service=postgres',
    'com.docker.compose.oneoff=False',
  ]
  const id = await docker(
    ...['run', '-d', '--name', name, '-p', '127.0.0.1::5432', '--shm-size', '128m'],
    ...labels.flatMap((label) => ['--label', label]),
    ...['-e', `POSTGRES_PASSWORD=${password}`, '-e', 'POSTGRES_USER=aquastream', '-e', 'POSTGRES_DB=aquastream'],
    ...['-e', 'POSTGRES_INITDB_ARGS=--auth-host=scram-sha-256', ...options],
    ...[postgresImage, '-c', 'fsync=off'],
  )
  const sql = (text: string, database = 'aquastream') => psql(id, text, database)
  for (let left = 150; ; left--) {
    // Over TCP: the server of first-time initialisation listens on the socket only.
    const ready = await run(['exec', id, 'pg_isready', '-q', '-h', '127.0.0.1', '-U', 'aquastream'])
    if (ready.code === 0) break
    if (left === 0) throw new Error(`${name} did not come up\n${await docker('logs', id)}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  const port = Number((await docker('port', id, '5432/tcp')).split(':').at(-1))
  return { project, id, password, port, sql, remove: async () => void (await docker('rm', '-f', '-v', id)) }
}

async function psql(id: string, text: string, database: string): Promise<string> {
  const argv = ['exec', '-i', id, 'psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-U', 'aquastream']
  const ran = await run([...argv, '-d', database], text)
  if (ran.code !== 0) throw new Error(`psql: ${ran.stderr}`)
  return ran.stdout.trim()
}

function run(argv: readonly string[], input = ''): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(program, argv, { stdio: ['pipe', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => (said.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (said.stderr += text))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, ...said }))
  })
}

/** The environment that makes aqua find the cluster as the stack of `dev`. */
export function clusterEnv(cluster: Pick<Cluster, 'project'>): Record<string, string> {
  return { COMPOSE_PROJECT_NAME: cluster.project, POSTGRES_USER: 'aquastream', POSTGRES_DB: 'aquastream' }
}

/** The executor's Io outside a task, for tests of one room: real processes, nothing printed. */
export async function withIo<T>(work: (io: Io) => Promise<T>): Promise<T> {
  const sink = { write: () => true, isTTY: false } as unknown as NodeJS.WriteStream
  const redactor = new Redactor()
  const out = new Output({
    stdout: sink,
    stderr: sink,
    env: {},
    live: false,
    json: false,
    quiet: true,
    verbose: false,
    redactor,
  })
  const executor = new Executor({
    out,
    children: new Children(process.env),
    redactor,
    signal: new AbortController().signal,
    clock: () => performance.now(),
    showSteps: false,
  })
  let answer: { value: T } | undefined
  await executor.execute([
    {
      title: 'test',
      effect: 'read',
      async act(io) {
        answer = { value: await work(io) }
      },
    },
  ])
  if (!answer) throw new Error('the step did not run')
  return answer.value
}

/** The cluster as the backup room sees it: through its container. */
export function connectTo(io: Io, cluster: Cluster): Promise<Postgres> {
  const ctx: Pick<Context, 'env' | 'probe'> = { env: {}, probe: (argv, options) => io.probe(argv, options) }
  const stack = {
    stage: 'dev' as const,
    project: cluster.project,
    files: [],
    env: clusterEnv(cluster),
    docker: program,
  }
  return connect(ctx, stack)
}

/**
 * Six schemas that hold on to each other, as the real ones do: foreign keys, views, a type and a function across schemas,
 * grants to roles, the reserved word, odd names, and values that text formats get wrong. `scale` multiplies the rows.
 */
export function seedSql(scale = 1): string {
  const schemas = ['user', 'event', 'crew', 'payment', 'notification', 'media']
  const roles = schemas.map((name) => `backend_${name}`)
  return `
${roles.map((role) => `DO $$ BEGIN CREATE ROLE ${role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;`).join('\n')}
CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;
${schemas.map((name) => `CREATE SCHEMA "${name}" AUTHORIZATION backend_${name};`).join('\n')}
CREATE TYPE "user".role_kind AS ENUM ('rower', 'coach', 'admin');
CREATE TABLE "user".users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text UNIQUE NOT NULL,
  kind "user".role_kind NOT NULL, about text, avatar bytea, tags text[], extra jsonb, made timestamptz NOT NULL);
INSERT INTO "user".users (email, kind, about, avatar, tags, extra, made)
  SELECT 'user' || n || '@example.org', (ARRAY['rower','coach','admin'])[1 + n % 3]::"user".role_kind,
    CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN E'tab\\tnew\\nline\\\\.' WHEN 3 THEN 'Привет, вода 🛶' ELSE md5(n::text) END,
    decode(md5(n::text), 'hex'), ARRAY['a''b', 'c"d', NULL], jsonb_build_object('n', n, 'q', '"'),
    timestamptz '2026-01-01 00:00:00+00' + n * interval '1 second' FROM generate_series(1, ${500 * scale}) n;
CREATE TABLE "user"."Odd ""Name" ("select" int PRIMARY KEY, "Ünï" numeric);
INSERT INTO "user"."Odd ""Name" VALUES (1, 'NaN'), (2, 1e30);
CREATE FUNCTION "user".display(u "user".users) RETURNS text LANGUAGE sql STABLE AS $f$ SELECT u.email || ' (' || u.kind || ')' $f$;
CREATE TABLE event.events (id bigserial PRIMARY KEY, owner bigint NOT NULL REFERENCES "user".users (id), title text NOT NULL,
  level "user".role_kind NOT NULL DEFAULT 'rower');
INSERT INTO event.events (owner, title) SELECT 1 + n % ${500 * scale}, 'event ' || n FROM generate_series(1, ${300 * scale}) n;
CREATE VIEW event.upcoming AS SELECT e.id, e.title, u.email FROM event.events e JOIN "user".users u ON u.id = e.owner;
CREATE VIEW event.named AS SELECT id, upper(title) AS title FROM event.upcoming;
CREATE TABLE crew.crews (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), captain bigint REFERENCES "user".users (id) ON DELETE SET NULL);
INSERT INTO crew.crews (captain) SELECT 1 + n FROM generate_series(1, 50) n;
CREATE TABLE payment.payments (id bigserial PRIMARY KEY, event bigint NOT NULL REFERENCES event.events (id), amount numeric(12,2), note varchar(200));
INSERT INTO payment.payments (event, amount, note) SELECT 1 + n % 300, n / 3.0, repeat(md5(n::text), 3) FROM generate_series(1, ${2000 * scale}) n;
CREATE MATERIALIZED VIEW payment.totals AS SELECT event, sum(amount) AS total FROM payment.payments GROUP BY event;
CREATE UNIQUE INDEX ON payment.totals (event);
CREATE TABLE notification.messages (id bigserial, to_user bigint REFERENCES "user".users (id), event bigint REFERENCES event.events (id),
  body text, sent date NOT NULL, PRIMARY KEY (id, sent)) PARTITION BY RANGE (sent);
CREATE TABLE notification.messages_2026 PARTITION OF notification.messages FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO notification.messages (to_user, event, body, sent) SELECT 1 + n % 500, 1 + n % 300, 'text ' || n, date '2026-01-01' + n % 300 FROM generate_series(1, ${400 * scale}) n;
CREATE TABLE media.files (id bigserial PRIMARY KEY, owner bigint REFERENCES "user".users (id), object text NOT NULL, sums bigint[] );
INSERT INTO media.files (owner, object) SELECT 1 + n, 'o/' || n FROM generate_series(1, 100) n;
CREATE VIEW media.owners AS SELECT f.object, "user".display(u) AS owner FROM media.files f JOIN "user".users u ON u.id = f.owner;
GRANT USAGE ON SCHEMA "user" TO backend_event, backend_crew, backend_media, backend_notification;
GRANT SELECT, REFERENCES ON "user".users TO backend_event, backend_crew, backend_media, backend_notification;
GRANT USAGE ON SCHEMA event TO backend_payment, backend_notification;
GRANT SELECT (id, title) ON event.events TO backend_payment;
${['user.users', 'event.events', 'crew.crews', 'payment.payments', 'notification.messages', 'media.files']
  .map((table) => {
    const [schema = '', name = ''] = table.split('.')
    return `ALTER TABLE "${schema}".${name} OWNER TO backend_${schema};`
  })
  .join('\n')}
ALTER VIEW event.upcoming OWNER TO backend_event;
ALTER DEFAULT PRIVILEGES FOR ROLE backend_user IN SCHEMA "user" GRANT SELECT ON TABLES TO backend_event;
`
}

export const seededSchemas = ['user', 'event', 'crew', 'payment', 'notification', 'media'] as const
