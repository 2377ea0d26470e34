/**
 * The images that are not ours to write: databases, runtimes, compilers. Each is either pulled by an exact tag, or, where
 * no registry can be reached, built here from Debian's packages under a name that says so. Both kinds keep the same
 * contract (variables, paths, uids, commands), so that the Compose files do not know which one runs.
 */

export type ImageKey =
  | 'BASE_IMAGE'
  | 'GO_IMAGE'
  | 'JDK_IMAGE'
  | 'RUNTIME_IMAGE'
  | 'POSTGRES_IMAGE'
  | 'REDIS_IMAGE'
  | 'MINIO_IMAGE'
  | 'LIQUIBASE_IMAGE'

export interface ThirdPartyImage {
  /** Variable that holds the name of the image in use. */
  key: ImageKey
  purpose: string
  /** Exact tag to pull. Undefined: no registry has it, it is built in both modes. */
  registry: string | undefined
  /** Name of the image built here. */
  debian: string
  /** Folder of its Dockerfile, relative to this one; undefined where `base` makes it, without a Dockerfile. */
  folder: string | undefined
  /** Build arguments with a fixed value. */
  args: Readonly<Record<string, string>>
  /** Build arguments whose value is another image, in the same mode; that one is there first. */
  bases: Readonly<Partial<Record<'BASE_IMAGE' | 'GO_IMAGE' | 'RUNTIME_IMAGE', ImageKey>>>
  /** Further build contexts, relative to this folder. */
  contexts: Readonly<Record<string, string>>
  /** The build downloads over HTTPS: hand it the machine's CA bundle as the secret `ca`, if there is one. */
  needsCa: boolean
  /** Used while building or migrating only; never part of the running stack. */
  buildOnly: boolean
}

/** The suite all of Debian's images come from. Named in their tags, so that a new one is a new image. */
export const debianSuite = 'trixie'

const fromDebian = {
  args: {},
  bases: { BASE_IMAGE: 'BASE_IMAGE' },
  contexts: {},
  needsCa: false,
  buildOnly: false,
} as const satisfies Partial<ThirdPartyImage>

/** In an order in which they can be built. */
export const thirdPartyImages: readonly ThirdPartyImage[] = [
  {
    ...fromDebian,
    key: 'BASE_IMAGE',
    purpose: 'Debian, under the images built here',
    registry: 'debian:trixie-20260803-slim',
    debian: 'aqua/debian:trixie',
    folder: undefined,
    bases: {},
    buildOnly: true,
  },
  {
    ...fromDebian,
    key: 'GO_IMAGE',
    purpose: 'Go, to compile MinIO',
    registry: 'golang:1.27.1-trixie',
    debian: 'aqua/go:1.27.1-trixie',
    folder: 'debian/go',
    args: { GO_VERSION: '1.27.1' },
    needsCa: true,
    buildOnly: true,
  },
  {
    ...fromDebian,
    key: 'JDK_IMAGE',
    purpose: 'Java 21 and Maven, to build the services where the host has no JDK',
    registry: 'maven:3.9.16-eclipse-temurin-21-noble',
    debian: 'aqua/jdk:21-trixie',
    folder: 'debian/jdk',
    buildOnly: true,
  },
  {
    ...fromDebian,
    key: 'RUNTIME_IMAGE',
    purpose: 'Java 21, under the services',
    registry: 'eclipse-temurin:21.0.13_9-jre-noble',
    debian: 'aqua/jre:21-trixie',
    folder: 'debian/jre',
  },
  {
    ...fromDebian,
    key: 'POSTGRES_IMAGE',
    purpose: 'PostgreSQL',
    registry: 'postgres:17.12-trixie',
    debian: 'aqua/postgres:17-trixie',
    folder: 'debian/postgres',
    args: { POSTGRES_MAJOR: '17' },
  },
  {
    ...fromDebian,
    key: 'REDIS_IMAGE',
    purpose: 'Valkey, which speaks the Redis protocol',
    registry: 'valkey/valkey:8.1.11-trixie',
    debian: 'aqua/valkey:8.1-trixie',
    folder: 'debian/valkey',
  },
  {
    ...fromDebian,
    key: 'MINIO_IMAGE',
    purpose: 'MinIO and its client, from source',
    registry: undefined,
    debian: 'aqua/minio:2026-02-12',
    folder: 'minio',
    bases: { GO_IMAGE: 'GO_IMAGE', BASE_IMAGE: 'BASE_IMAGE' },
    contexts: { health: 'health' },
    needsCa: true,
  },
  {
    ...fromDebian,
    key: 'LIQUIBASE_IMAGE',
    purpose: "Liquibase with PostgreSQL's driver, which upstream's image lacks since 5.0",
    registry: undefined,
    debian: 'aqua/liquibase:5.0.4',
    folder: 'liquibase',
    bases: { BASE_IMAGE: 'BASE_IMAGE', RUNTIME_IMAGE: 'RUNTIME_IMAGE' },
    needsCa: true,
    buildOnly: true,
  },
]
