import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pinned } from '../../docker/scan/tool.ts'
import { expectCode, start } from './stack.ts'

/** Grype and Syft, and what the tests feed them, all through package managers: no release page is asked. */

const has = (...argv: [string, ...string[]]) => spawnSync(argv[0], argv.slice(1), { stdio: 'ignore' }).status === 0

const onPath = has('grype', 'version') && has('syft', 'version')
const cache = path.join(
  process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'),
  'aqua-test-tools',
  `grype-${pinned.grype.version}_syft-${pinned.syft.version}`,
)
const cached = () => ['grype', 'syft'].every((name) => fs.existsSync(path.join(cache, name)))

/** Why nothing can be scanned here; undefined when everything is at hand or can be compiled. */
export const noScanner: string | undefined = !has('docker', 'version')
  ? 'there is no Docker engine'
  : !onPath && !cached() && !has('go', 'version')
    ? 'neither Grype and Syft nor Go to compile them'
    : !has('mvn', '--version')
      ? 'no Maven to fetch the jars and the schemas with'
      : !has('sqlite3', '--version')
        ? 'no sqlite3 to write a vulnerability database with'
        : undefined

/** The folder with both programs; undefined: they are on PATH. Compiled once, in about two minutes on two cores. */
export async function toolsFolder(): Promise<string | undefined> {
  if (onPath) return undefined
  if (cached()) return cache
  fs.mkdirSync(cache, { recursive: true })
  for (const [name, { version }] of Object.entries(pinned)) {
    const flags = ['-trimpath', '-ldflags', `-s -w -X main.version=${version}`]
    const module = `github.com/anchore/${name}/cmd/${name}@v${version}`
    const ran = await start(['go', 'install', ...flags, module], { env: { GOBIN: cache, CGO_ENABLED: '0' } }).ended
    expectCode(`go install ${module}`, ran, 0)
  }
  return cache
}

const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.9.0'

/** A jar from Maven Central, as `<folder>/<artifact>-<version>.jar`. */
export async function fetchJar(coordinates: string, folder: string): Promise<void> {
  const argv = ['mvn', '-q', '-B', `${plugin}:copy`, `-Dartifact=${coordinates}`, `-DoutputDirectory=${folder}`]
  expectCode(`fetch ${coordinates}`, await start(argv, { cwd: folder }).ended, 0)
}

/** The JSON files inside a jar from Maven Central: SPDX and CycloneDX ship their schemas in their Java libraries. */
export async function fetchSchemas(coordinates: string, folder: string): Promise<void> {
  // The plugin leaves marker files where it stands.
  fs.mkdirSync(folder, { recursive: true })
  const only = '-Dmdep.unpack.includes=**/*.schema.json,**/spdx-schema-*.json'
  const argv = ['mvn', '-q', '-B', `${plugin}:unpack`, `-Dartifact=${coordinates}`, only, `-DoutputDirectory=${folder}`]
  expectCode(`fetch ${coordinates}`, await start(argv, { cwd: folder }).ended, 0)
}

interface Advisory {
  id: string
  cve: string
  package: string
  constraint: string
  fixed: string
  title: string
}

/** Two entries of the public GitHub Advisory Database. */
const advisories: readonly Advisory[] = [
  {
    id: 'GHSA-jfh8-c2jp-5v3q',
    cve: 'CVE-2021-44228',
    package: 'org.apache.logging.log4j:log4j-core',
    constraint: '>=2.13.0,<2.15.0',
    fixed: '2.15.0',
    title: 'Remote code injection in Log4j',
  },
  {
    id: 'GHSA-36p3-wjmg-h94x',
    cve: 'CVE-2022-22965',
    package: 'org.springframework:spring-beans',
    constraint: '>=5.3.0,<5.3.18',
    fixed: '5.3.18',
    title: 'Remote code execution in Spring Framework',
  },
]

/**
 * A vulnerability database of the given age, in Grype's own format (schema 6), brought in by `grype db import`. Tables and
 * columns that are not written here are added by the import.
 */
export async function importDatabase(folder: string, days: number, env: Readonly<Record<string, string>>) {
  const time = new Date(Date.now() - days * 86_400_000).toISOString().replace('T', ' ').replace('Z', '+00:00')
  const text = (value: string) => `'${value.replaceAll("'", "''")}'`
  const blob = (value: object) => text(JSON.stringify(value))
  const rows = advisories.map((one, i) => {
    const [vulnerability, affected] = [2 * i + 1, 2 * i + 2]
    const about = {
      id: one.id,
      description: one.title,
      aliases: [one.cve],
      severities: [{ scheme: 'CHML', value: 'critical', rank: 1 }],
      refs: [{ url: `https://github.com/advisories/${one.id}` }],
    }
    const range = {
      version: { type: 'maven', constraint: one.constraint },
      fix: { version: one.fixed, state: 'fixed' },
    }
    return `
      INSERT INTO blobs VALUES (${vulnerability}, ${blob(about)}), (${affected}, ${blob({ cves: [one.cve], ranges: [range] })});
      INSERT INTO vulnerability_handles VALUES (${i + 1}, ${text(one.id)}, 'active', NULL, NULL, NULL, 'github', ${vulnerability});
      INSERT INTO vulnerability_aliases VALUES (${text(one.id)}, ${text(one.cve)});
      INSERT INTO packages VALUES (${i + 1}, 'java-archive', ${text(one.package)});
      INSERT INTO affected_package_handles VALUES (${i + 1}, ${i + 1}, NULL, ${i + 1}, ${affected});`
  })
  const sql = `
    CREATE TABLE db_metadata (build_timestamp datetime NOT NULL, model integer NOT NULL, revision integer NOT NULL, addition integer NOT NULL);
    CREATE TABLE blobs (id integer PRIMARY KEY, value text NOT NULL);
    CREATE TABLE providers (id text PRIMARY KEY, version text, processor text, date_captured datetime, input_digest text);
    CREATE TABLE vulnerability_handles (id integer PRIMARY KEY, name text NOT NULL, status text NOT NULL, published_date datetime,
      modified_date datetime, withdrawn_date datetime, provider_id text NOT NULL, blob_id integer);
    CREATE TABLE vulnerability_aliases (name text, alias text NOT NULL, PRIMARY KEY (name, alias));
    CREATE TABLE packages (id integer PRIMARY KEY, ecosystem text, name text);
    CREATE TABLE affected_package_handles (id integer PRIMARY KEY, vulnerability_id integer NOT NULL, operating_system_id integer,
      package_id integer, blob_id integer);
    INSERT INTO db_metadata VALUES (${text(time)}, 6, 1, 0);
    INSERT INTO providers VALUES ('github', '1', 'aqua test', ${text(time)}, 'sha256:0');${rows.join('')}`
  fs.mkdirSync(folder, { recursive: true })
  const file = path.join(folder, `advisories-${days}.db`)
  expectCode('sqlite3', await start(['sqlite3', file], { input: sql }).ended, 0)
  expectCode('grype db import', await start(['grype', 'db', 'import', file], { env }).ended, 0)
}
