import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allOnPath, findBuildTool, findJdk, releaseVersion } from '../../docker/jdk.ts'

let folder = ''
test.before.each(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-jdk-'))
})
test.after.each(() => {
  fs.rmSync(folder, { recursive: true, force: true })
})

function put(name: string, text = '', mode = 0o755): string {
  const file = path.join(folder, name)
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, text, { mode })
  return file
}

function jdk(name: string, version: string, compiler = true): string {
  put(`${name}/release`, `IMPLEMENTOR="x"\nJAVA_VERSION="${version}"\nJAVA_VERSION_DATE="2026-01-01"\n`)
  if (compiler) put(`${name}/bin/javac`)
  return path.join(folder, name)
}

const world = (env: Record<string, string>) => ({ env, platform: 'linux' as const })

test('the version comes from the release file', () => {
  assert.is(releaseVersion('JAVA_RUNTIME_VERSION="25.0.3+9-LTS"\nJAVA_VERSION="25.0.3"\n'), '25.0.3')
  assert.is(releaseVersion(''), undefined)
})

test('JAVA_HOME wins when it compiles Java 21, and is passed over when it does not', () => {
  const old = jdk('old', '17.0.15')
  const wide = jdk('wide', '25.0.3')
  jdk('jvm/java-21', '21.0.9')
  const roots = [path.join(folder, 'jvm')]
  assert.equal(findJdk(world({ JAVA_HOME: wide }), roots), { home: wide, version: '25.0.3' })
  assert.is(findJdk(world({ JAVA_HOME: old }), roots)?.version, '21.0.9')
})

test('among several the one nearest to 21; a runtime without compiler does not count', () => {
  jdk('jvm/a', '1.8.0_402')
  jdk('jvm/b', '25.0.3')
  jdk('jvm/c', '23.0.1')
  jdk('jvm/d', '21.0.9', false)
  assert.is(findJdk(world({}), [path.join(folder, 'jvm')])?.version, '23.0.1')
})

test('a javac on PATH is followed to its home', () => {
  const home = jdk('somewhere/jdk', '21.0.9')
  fs.mkdirSync(path.join(folder, 'bin'))
  fs.symlinkSync(path.join(home, 'bin', 'javac'), path.join(folder, 'bin', 'javac'))
  assert.equal(findJdk(world({ PATH: path.join(folder, 'bin') }), []), {
    home: fs.realpathSync(home),
    version: '21.0.9',
  })
  assert.is(findJdk(world({ PATH: '/nowhere' }), []), undefined)
})

test('a program found through two folders that are one is found once', () => {
  const real = put('a/tool')
  fs.symlinkSync(path.join(folder, 'a'), path.join(folder, 'b'))
  const second = put('c/tool', 'other')
  const env = { PATH: ['a', 'b', 'c'].map((name) => path.join(folder, name)).join(':') }
  assert.equal(allOnPath('tool', { env }), [real, second])
})

test('the wrapper of the workspace before anything else; without one and without mvn a container', () => {
  const mvn = put('bin/mvn')
  const env = { PATH: path.dirname(mvn) }
  const workspace = path.join(folder, 'ws')
  fs.mkdirSync(workspace)
  assert.is(findBuildTool(workspace, { env }), 'container')
  put('ws/pom.xml')
  assert.is(findBuildTool(workspace, { env }), 'mvn')
  assert.is(findBuildTool(workspace, { env: {} }), 'container')
  put('ws/mvnw')
  assert.is(findBuildTool(workspace, { env }), 'mvnw')
  put('ws/gradlew')
  assert.is(findBuildTool(workspace, { env }), 'gradlew')
})

test.run()
