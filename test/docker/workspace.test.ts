import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { services } from '../../docker/services.ts'
import { findWorkspace, sourceFiles } from '../../docker/workspace.ts'
import { isAquaError } from '../../scripts/error.ts'
import { temporary } from './fixture.ts'

function world() {
  const { folder, put } = temporary()
  const backend = (name: string) => {
    for (const service of services) fs.mkdirSync(path.join(folder, name, service.name), { recursive: true })
    return path.join(folder, name)
  }
  const root = path.join(folder, 'around', 'backend-infra')
  const example = backend('around/backend-infra/example')
  const find = (options: { workspaceOption?: string; env?: Record<string, string> } = {}) =>
    findWorkspace({ root, cwd: folder, env: options.env ?? {}, workspaceOption: options.workspaceOption })
  return { folder, put, backend, root, example, find }
}

test('--workspace before AQUA_WORKSPACE before the repository around before the example', () => {
  const { backend, example, find } = world()
  assert.equal([find().root, find().example], [example, true])
  const around = backend('around')
  assert.equal([find().root, find().example], [around, false])
  const env = { AQUA_WORKSPACE: backend('by-env') }
  assert.equal([find({ env }).root, find({ env }).because], [env.AQUA_WORKSPACE, 'AQUA_WORKSPACE'])
  const option = backend('by-option')
  assert.is(find({ env, workspaceOption: option }).root, option)
})

test('relative names count from the folder of the call; the example by name is the example', () => {
  const { backend, find } = world()
  const here = backend('here')
  assert.is(find({ workspaceOption: 'here' }).root, here)
  assert.is(find({ workspaceOption: 'here' }).example, false)
  assert.is(find({ workspaceOption: 'around/backend-infra/example' }).example, true)
})

test('an ancestor must hold every module; the nearest one wins', () => {
  const { folder, backend, example, find } = world()
  backend('around')
  fs.rmSync(path.join(folder, 'around', 'backend-media'), { recursive: true })
  assert.is(find().root, example)
  backend('.')
  assert.is(find().root, folder)
  const around = backend('around')
  assert.is(find().root, around)
})

test('a named folder without the backend is refused with 2, naming what it lacks', () => {
  const { folder, find } = world()
  for (const workspaceOption of [folder, 'no/such/folder'])
    assert.throws(
      () => find({ workspaceOption }),
      (error: unknown) => isAquaError(error) && error.exitCode === 2 && error.message.includes('backend-gateway'),
    )
})

test('sources are the modules and the build’s own files; nothing built, nothing of this project', () => {
  const { folder, put, backend } = world()
  backend('ws')
  const wanted = [
    'backend-common/src/A.java',
    'backend-user/backend-user-db/src/main/resources/migration/liquibase/sql/0001_users.sql',
    'backend-user/pom.xml',
    'build.gradle.kts',
    'gradle/libs.versions.toml',
    'gradlew',
    'pom.xml',
    'settings.gradle',
  ]
  const unwanted = [
    'backend-infra/package.json',
    'backend-user/build/libs/x.jar',
    'backend-user/target/x.class',
    'backend-user/.gradle/cache',
    'frontend/index.ts',
    'README.md',
    '.git/HEAD',
    'build/reports/x',
  ]
  for (const name of [...wanted, ...unwanted]) put(`ws/${name}`)
  const ws = path.join(folder, 'ws')
  assert.equal(
    sourceFiles(ws).map((file) => path.relative(ws, file)),
    wanted.map((name) => path.normalize(name)).sort(),
  )
})

test.run()
