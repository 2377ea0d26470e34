import fs from 'node:fs'
import path from 'node:path'
import type { Context } from '../scripts/context.ts'
import { AquaError } from '../scripts/error.ts'
import type { ActStep } from '../scripts/step.ts'
import { digest, type Fingerprint, firstDifference, Hasher } from './fingerprint.ts'
import { findBuildTool, findJdk } from './jdk.ts'
import { type Service, services } from './services.ts'
import { readState, writeState } from './state.ts'
import { sourceFiles, type Workspace } from './workspace.ts'

interface JarState {
  workspace: string
  sources: Fingerprint
}

/** The runnable jar that a catalogue glob names: the newest one, never a `*-plain.jar`, sources or javadoc. */
export function findJar(workspace: string, service: Service): string | undefined {
  const folder = path.join(workspace, path.dirname(service.jar))
  const [prefix = ''] = path.basename(service.jar).split('*')
  if (!fs.existsSync(folder)) return undefined
  const candidates = fs
    .readdirSync(folder)
    .filter(
      (name) => name.startsWith(prefix) && name.endsWith('.jar') && !/-(plain|sources|javadoc|tests)\.jar$/.test(name),
    )
    .map((name) => ({ name, time: fs.statSync(path.join(folder, name)).mtimeMs }))
    .sort((a, b) => b.time - a.time)
  return candidates[0] ? path.join(path.dirname(service.jar), candidates[0].name) : undefined
}

/** Every service's jar, relative to the workspace; an error names the first that is missing. */
export function requireJars(workspace: Workspace, wanted: readonly Service[] = services): Map<string, string> {
  const jars = new Map<string, string>()
  for (const service of wanted) {
    const jar = findJar(workspace.root, service)
    if (jar === undefined)
      throw new AquaError('JAR_MISSING', `${service.name} has no runnable jar: nothing matches ${service.jar}`, {
        exit: 'missing',
        hint: 'leave out --no-build, or build the jars yourself in the workspace',
      })
    jars.set(service.name, jar)
  }
  return jars
}

export interface JarPlan {
  /** Undefined when every jar is there and made from the sources as they are. */
  reason: string | undefined
  sources: Fingerprint
}

export async function planJars(ctx: Context, workspace: Workspace, force: boolean): Promise<JarPlan> {
  const hasher = new Hasher(ctx)
  const sources = await hasher.all(workspace.root, sourceFiles(workspace.root))
  await hasher.save()
  const state = await readState<JarState>(ctx, 'jars')
  const before = state?.workspace === workspace.root ? state.sources : undefined
  const missing = services.find((service) => findJar(workspace.root, service) === undefined)
  const reason = force ? '--force' : missing ? `${missing.name} has no jar yet` : firstDifference(before, sources)
  return { reason, sources }
}

/** The command that builds every jar, with the environment and folder it needs; with `tests`, running theirs first. */
export function buildCommand(ctx: Context, workspace: Workspace, docker: string, jdkImage: string, tests = false) {
  const jdk = findJdk(ctx)
  const tool = jdk ? findBuildTool(workspace.root, ctx) : undefined
  const maven = ['-B', '-ntp', ...(tests ? [] : ['-DskipTests']), '-T', '1C', tests ? 'verify' : 'package']
  const gradle = ['--console=plain', ...(tests ? ['build'] : ['-x', 'test', 'assemble'])]
  const env = jdk ? { JAVA_HOME: jdk.home } : undefined
  switch (tool) {
    case 'gradlew':
      return {
        argv: [path.join(workspace.root, 'gradlew'), ...gradle],
        env,
        cwd: workspace.root,
        how: `gradlew, JDK ${jdk?.version}`,
      }
    case 'mvnw':
      return {
        argv: [path.join(workspace.root, 'mvnw'), ...maven],
        env,
        cwd: workspace.root,
        how: `mvnw, JDK ${jdk?.version}`,
      }
    case 'mvn':
      return { argv: ['mvn', ...maven], env, cwd: workspace.root, how: `mvn, JDK ${jdk?.version}` }
    default:
      return {
        argv: inContainer(ctx, workspace, docker, jdkImage, { maven, gradle }),
        env: undefined,
        cwd: workspace.root,
        how: 'in a container',
      }
  }
}

function inContainer(
  ctx: Context,
  workspace: Workspace,
  docker: string,
  image: string,
  args: { maven: string[]; gradle: string[] },
): string[] {
  const cache = path.join(ctx.stateDir, 'build-home')
  fs.mkdirSync(cache, { recursive: true })
  const has = (file: string) => fs.existsSync(path.join(workspace.root, file))
  const build = has('gradlew')
    ? ['./gradlew', ...args.gradle]
    : has('mvnw')
      ? ['./mvnw', ...args.maven]
      : ['mvn', ...args.maven]
  const user = process.getuid && ctx.platform === 'linux' ? ['--user', `${process.getuid()}:${process.getgid?.()}`] : []
  const ca = ctx.env.SSL_CERT_FILE ? ['-v', `${ctx.env.SSL_CERT_FILE}:/run/secrets/ca:ro`] : []
  const tools = path.join(ctx.root, 'docker', 'images', 'debian', 'jdk')
  return [
    docker,
    'run',
    '--rm',
    '--init',
    '--network',
    'host',
    ...user,
    ...ca,
    '-v',
    `${workspace.root}:/work`,
    '-v',
    `${cache}:/tmp/home`,
    '-v',
    `${tools}:/opt/aqua-tools:ro`,
    '-e',
    'HOME=/tmp/home',
    '-e',
    'MAVEN_OPTS=-Duser.home=/tmp/home',
    '-e',
    'GRADLE_USER_HOME=/tmp/home/.gradle',
    '-w',
    '/work',
    '--entrypoint',
    'bash',
    image,
    '/opt/aqua-tools/with-ca',
    ...build,
  ]
}

/** Build the jars unless they are made from these very sources. */
export function jarStep(
  ctx: Context,
  workspace: Workspace,
  options: { force: boolean; why: boolean; docker: string; jdkImage: () => string; tests?: boolean },
): ActStep {
  return {
    title: 'jars',
    effect: 'write',
    would: [`build the jars in ${workspace.root} if their sources changed`],
    async act(io) {
      const { reason, sources } = await planJars(ctx, workspace, options.force)
      if (reason === undefined) return io.done('jars: unchanged')
      const command = buildCommand(ctx, workspace, options.docker, options.jdkImage(), options.tests)
      if (options.why) io.out.note(`jars: ${reason}`)
      io.progress(`${command.how}: ${reason}`)
      await io.run(command.argv, { cwd: command.cwd, env: command.env })
      requireJars(workspace)
      await writeState(ctx, 'jars', { workspace: workspace.root, sources } satisfies JarState)
      io.done(`jars: built (${command.how})`)
      io.result({ jars: { built: true, reason, digest: digest(sources) } })
    },
  }
}

/**
 * Put jars that were built elsewhere from these very sources where a build would have: CI builds them once and hands them
 * to a job per image. `folder` holds them under their catalogue paths. Throws JAR_MISSING, and copies none, when one is not there.
 */
export function takeJarsStep(ctx: Context, workspace: Workspace, folder: string): ActStep {
  return {
    title: 'jars',
    effect: 'write',
    would: [`copy every jar from ${folder} to ${workspace.root}`],
    async act(io) {
      const jars = requireJars({ ...workspace, root: folder })
      for (const jar of jars.values()) {
        const target = path.join(workspace.root, jar)
        await fs.promises.mkdir(path.dirname(target), { recursive: true })
        await fs.promises.copyFile(path.join(folder, jar), target)
      }
      const { sources } = await planJars(ctx, workspace, false)
      await writeState(ctx, 'jars', { workspace: workspace.root, sources } satisfies JarState)
      io.done(`jars: ${jars.size} taken from ${folder}`)
      io.result({ jars: { built: false, from: folder, digest: digest(sources) } })
    },
  }
}
