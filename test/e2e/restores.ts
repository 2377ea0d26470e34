import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Cluster, clusterEnv, postgresImage, seedSql, startCluster } from './cluster.ts'
import { docker, type Env, program } from './stack.ts'

/** A database whose schemas hold on to each other in every way that a restore of one of them has to mind. */
export const entangledSql = `
CREATE DOMAIN "user".email AS text CHECK (VALUE LIKE '%@%');
CREATE TYPE "user".place AS (lat float8, lon float8);
CREATE FUNCTION "user".touch() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RETURN NEW; END $f$;
CREATE SEQUENCE "user".tickets START 40;
CREATE TABLE crew.invites (id int PRIMARY KEY, "to" "user".email NOT NULL, kinds "user".role_kind[] DEFAULT '{rower}', at "user".place);
INSERT INTO crew.invites VALUES (1, 'a@b.example', '{rower,coach}', '(1,2)');
CREATE TRIGGER touch BEFORE UPDATE ON crew.invites FOR EACH ROW EXECUTE FUNCTION "user".touch();
ALTER TABLE crew.invites DISABLE TRIGGER touch;
ALTER TABLE media.files ADD ticket bigint DEFAULT nextval('"user".tickets');
CREATE VIEW event.by_owner WITH (security_barrier) AS
  SELECT u.id, u.email, count(*) AS events FROM "user".users u JOIN event.events e ON e.owner = u.id GROUP BY u.id;
ALTER VIEW event.by_owner OWNER TO backend_event;
COMMENT ON VIEW event.by_owner IS 'it''s leaning';
GRANT SELECT (id, email) ON event.by_owner TO backend_payment;
CREATE VIEW "user".busy AS SELECT id FROM event.by_owner WHERE events > 1;
CREATE MATERIALIZED VIEW event.mails AS SELECT email FROM "user".users;
CREATE UNIQUE INDEX ON event.mails (email);
COMMENT ON CONSTRAINT events_owner_fkey ON event.events IS 'on purpose';
CREATE SCHEMA audit AUTHORIZATION backend_user;
CREATE TABLE audit.log (id bigserial PRIMARY KEY, who bigint REFERENCES "user".users (id), what text);
INSERT INTO audit.log (who, what) SELECT n, 'did ' || n FROM generate_series(1, 20) n;
CREATE VIEW audit.who AS SELECT l.what, u.email FROM audit.log l JOIN "user".users u ON u.id = l.who;
ALTER DEFAULT PRIVILEGES FOR ROLE backend_crew GRANT SELECT ON TABLES TO backend_event;
ALTER DATABASE aquastream SET work_mem = '5MB';
ALTER DATABASE aquastream SET search_path = "$user", public;
ALTER ROLE backend_user IN DATABASE aquastream SET statement_timeout = '50s';
REVOKE CONNECT ON DATABASE aquastream FROM PUBLIC;
GRANT CONNECT ON DATABASE aquastream TO backend_user, backend_event WITH GRANT OPTION;
COMMENT ON DATABASE aquastream IS 'the real one';
`

export interface World {
  cluster: Cluster
  env: Env
  /** Where sets of dev lie. */
  store: string
  folder: string
  remove(): Promise<void>
}

/** A cluster with data, and a folder for its backups. */
export async function startWorld(project: string, scale = 1, sql = entangledSql): Promise<World> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `${project}-`))
  const cluster = await startCluster(project)
  await cluster.sql(seedSql(scale))
  await cluster.sql(sql)
  const env = { ...clusterEnv(cluster), BACKUP_DIR: folder, POSTGRES_IMAGE: postgresImage }
  fs.mkdirSync(path.join(folder, 'dev'))
  return {
    cluster,
    env,
    folder,
    store: path.join(folder, 'dev'),
    remove: async () => {
      await cluster.remove()
      fs.rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A program in the cluster's container, with its output as it is. */
export function inCluster(cluster: Cluster, ...argv: string[]): Promise<string> {
  return docker('exec', '-e', 'PGUSER=aquastream', '-e', 'PGDATABASE=aquastream', cluster.id, ...argv)
}

/** The whole database as pg_dump writes it, with owners, grants, settings and the place of every sequence. */
export async function dumpText(cluster: Cluster, database = 'aquastream'): Promise<string> {
  const argv = ['exec', '-e', 'PGUSER=aquastream', cluster.id, 'pg_dump', '--create', database]
  const { stdout: text } = await promisify(execFile)(program, argv, { maxBuffer: 2 ** 30 })
  return text.replaceAll(/^\\(un)?restrict .*$/gm, '')
}

/** Equal images: nothing that pg_dump knows of is different. */
export async function image(cluster: Cluster, database = 'aquastream'): Promise<string> {
  return createHash('md5')
    .update(await dumpText(cluster, database))
    .digest('hex')
}

/** Databases besides the server's own. */
export async function databases(cluster: Cluster): Promise<string[]> {
  const names = await cluster.sql(
    "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' ORDER BY 1",
  )
  return names.split('\n')
}
