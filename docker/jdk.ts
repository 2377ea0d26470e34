import fs from 'node:fs'
import path from 'node:path'
import type { Context } from '../scripts/context.ts'

/** The services are compiled for Java 21: an older compiler refuses `--release 21`. */
export const oldestJava = 21

export interface Jdk {
  home: string
  /** As its `release` file has it, e.g. `25.0.3`. */
  version: string
}

export type BuildTool = 'gradlew' | 'mvnw' | 'mvn' | 'container'

type World = Pick<Context, 'env' | 'platform'>

/**
 * A JDK that can compile Java 21: `JAVA_HOME`, then where the system, SDKMAN and `PATH` have theirs. Read from its
 * `release` file, so that no JVM is started to ask. `roots` are the folders that hold one JDK each below them.
 */
export function findJdk(ctx: World, roots: readonly string[] = systemRoots(ctx)): Jdk | undefined {
  const asked = ctx.env.JAVA_HOME ? readJdk(ctx.env.JAVA_HOME) : undefined
  if (asked) return asked
  for (const root of roots) {
    // Nearest to 21 first: a build tool of the project's age may not know the newest JDK yet.
    const [nearest] = jdksBelow(root).sort((a, b) => major(a.version) - major(b.version))
    if (nearest) return nearest
  }
  const javac = onPath('javac', ctx)
  return javac ? readJdk(path.dirname(path.dirname(fs.realpathSync(javac)))) : undefined
}

function systemRoots({ env, platform }: World): string[] {
  const home = env.HOME ?? ''
  const sdkman = path.join(env.SDKMAN_DIR ?? path.join(home, '.sdkman'), 'candidates', 'java')
  // What /usr/libexec/java_home searches, and Homebrew, which it does not.
  if (platform === 'darwin')
    return [
      '/Library/Java/JavaVirtualMachines',
      path.join(home, 'Library', 'Java', 'JavaVirtualMachines'),
      '/opt/homebrew/opt',
      '/usr/local/opt',
      sdkman,
    ]
  return ['/usr/lib/jvm', sdkman]
}

function jdksBelow(root: string): Jdk[] {
  if (!fs.existsSync(root)) return []
  return fs.readdirSync(root).flatMap((name) => {
    if (root.endsWith('/opt') && !name.startsWith('openjdk')) return []
    const folder = path.join(root, name)
    const homes = [
      folder,
      path.join(folder, 'Contents', 'Home'),
      path.join(folder, 'libexec/openjdk.jdk/Contents/Home'),
    ]
    return homes.map(readJdk).find((jdk) => jdk !== undefined) ?? []
  })
}

/** A folder is a JDK when it has a compiler; a JRE has a `release` file too. */
function readJdk(home: string): Jdk | undefined {
  if (!fs.existsSync(path.join(home, 'bin', 'javac'))) return undefined
  try {
    const version = releaseVersion(fs.readFileSync(path.join(home, 'release'), 'utf8'))
    return version !== undefined && major(version) >= oldestJava ? { home, version } : undefined
  } catch {
    return undefined
  }
}

/** `JAVA_VERSION="21.0.9"` of a JDK's `release` file. */
export function releaseVersion(text: string): string | undefined {
  return /^JAVA_VERSION="([^"]+)"/m.exec(text)?.[1]
}

/** `1.8.0_402` is Java 8, `21.0.9` is Java 21. */
function major(version: string): number {
  const [first = 0, second = 0] = version.split(/[._+-]/).map(Number)
  return first === 1 ? second : first
}

/** Every executable of this name on `PATH`, in the order a shell would find them, links resolved, each once. */
export function allOnPath(program: string, { env }: Pick<Context, 'env'>): string[] {
  const found = new Map<string, string>()
  for (const folder of (env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(folder, program)
    if (folder === '' || !isExecutable(file)) continue
    const real = fs.realpathSync(file)
    if (!found.has(real)) found.set(real, file)
  }
  return [...found.values()]
}

/** The program a shell would start, or undefined. */
export function onPath(program: string, ctx: Pick<Context, 'env'>): string | undefined {
  return allOnPath(program, ctx)[0]
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK)
    return fs.statSync(file).isFile()
  } catch {
    return false
  }
}

/** What builds the jars: the project's own wrapper, else Maven from `PATH`, else a container. */
export function findBuildTool(workspace: string, ctx: Pick<Context, 'env'>): BuildTool {
  const has = (file: string) => fs.existsSync(path.join(workspace, file))
  if (isExecutable(path.join(workspace, 'gradlew'))) return 'gradlew'
  if (isExecutable(path.join(workspace, 'mvnw'))) return 'mvnw'
  return has('pom.xml') && onPath('mvn', ctx) ? 'mvn' : 'container'
}
