import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findJar, planJars, requireJars, takeJarsStep } from '../../docker/jars.ts'
import { type Service, services } from '../../docker/services.ts'
import type { Context } from '../../scripts/context.ts'
import { isAquaError } from '../../scripts/error.ts'
import type { Io } from '../../scripts/step.ts'
import { temporary } from './fixture.ts'

const user = services.find(({ short }) => short === 'user') as Service
const libs = 'backend-user/backend-user-api/build/libs'
const name = (version: string) => `${libs}/backend-user-api-${version}.jar`

test('the plain jar is never picked, however new it is', () => {
  const { folder, put } = temporary()
  put(name('1.0-plain'))
  assert.is(findJar(folder, user), undefined)
  put(name('1.0'), 'x', 100)
  for (const other of ['1.0-sources', '1.0-javadoc', '1.0-tests']) put(name(other))
  assert.is(findJar(folder, user), path.normalize(name('1.0')))
})

test('of several versions the newest file', () => {
  const { folder, put } = temporary()
  put(name('2.0'), 'x', 100)
  put(name('1.1'), 'x', 10)
  put(name('1.0'), 'x', 50)
  assert.is(findJar(folder, user), path.normalize(name('1.1')))
})

test('no folder, no jar, something else in it', () => {
  const { folder, put } = temporary()
  assert.is(findJar(folder, user), undefined)
  put(`${libs}/notes.txt`)
  put(`${libs}/other-1.0.jar`)
  put(`${libs}/backend-user-api-1.0.jar.original`)
  assert.is(findJar(folder, user), undefined)
})

function workspace() {
  const { folder, put } = temporary()
  const root = path.join(folder, 'backend')
  for (const service of services) put(`backend/${service.jar.replace('*', '1.0')}`, 'jar', 100)
  const source = 'backend/backend-user/src/User.java'
  put(source, 'class User {}', 100)
  return { folder, put, source, at: { root, because: '', example: false } }
}

test('a missing jar is named: 3', () => {
  const { at } = workspace()
  assert.is(requireJars(at).size, services.length)
  fs.rmSync(path.join(at.root, user.jar.replace('*', '1.0')))
  assert.throws(
    () => requireJars(at),
    (error: unknown) => isAquaError(error) && error.exitCode === 3 && error.message.includes('backend-user'),
  )
  assert.is(
    requireJars(
      at,
      services.filter((service) => service !== user),
    ).size,
    services.length - 1,
  )
})

test('jars are built when a source changed, not when it was touched or a jar was', async () => {
  const { folder, put, source, at } = workspace()
  const ctx = { stateDir: path.join(folder, '.aqua') } as Context
  const plan = () => planJars(ctx, at, false)
  const built = async () => {
    const { sources } = await plan()
    fs.mkdirSync(ctx.stateDir, { recursive: true })
    fs.writeFileSync(path.join(ctx.stateDir, 'jars.json'), JSON.stringify({ workspace: at.root, sources }))
  }
  assert.is((await plan()).reason, 'nothing was built yet')
  await built()
  assert.is((await plan()).reason, undefined)
  put(source, 'class User {}')
  put(`backend/${user.jar.replace('*', '1.0')}`, 'another jar')
  assert.is((await plan()).reason, undefined)
  assert.is((await planJars(ctx, at, true)).reason, '--force')
  put(source, 'class User { int id; }')
  assert.is((await plan()).reason, `${path.join('backend-user', 'src', 'User.java')} changed`)
  await built()
  fs.rmSync(path.join(at.root, user.jar.replace('*', '1.0')))
  assert.match((await plan()).reason ?? '', 'backend-user')
  put(`backend/${user.jar.replace('*', '1.0')}`)
  assert.is((await plan()).reason, undefined)
  const elsewhere = { ...at, root: `${at.root}2` }
  fs.cpSync(at.root, elsewhere.root, { recursive: true })
  assert.is((await planJars(ctx, elsewhere, false)).reason, 'nothing was built yet', 'another workspace')
})

test('jars that were built elsewhere count as built from these sources; all of them or none', async () => {
  const { folder, at, put, source } = workspace()
  const ctx = { stateDir: path.join(folder, '.aqua') } as Context
  const io = { done() {}, result() {} } as unknown as Io
  const handed = path.join(folder, 'handed')
  for (const service of services) put(`handed/${service.jar.replace('*', '1.0')}`, `new ${service.name}`)
  const text = () => fs.readFileSync(path.join(at.root, findJar(at.root, user) ?? ''), 'utf8')
  const last = path.join(handed, services.at(-1)?.jar.replace('*', '1.0') ?? '')
  fs.renameSync(last, `${last}.away`)
  const refused = await takeJarsStep(ctx, at, handed)
    .act(io)
    .then(
      () => undefined,
      (error: unknown) => error,
    )
  assert.ok(isAquaError(refused) && refused.code === 'JAR_MISSING')
  assert.is(text(), 'jar')
  assert.is((await planJars(ctx, at, false)).reason, 'nothing was built yet')
  fs.renameSync(`${last}.away`, last)
  await takeJarsStep(ctx, at, handed).act(io)
  assert.is(text(), 'new backend-user')
  assert.is((await planJars(ctx, at, false)).reason, undefined)
  put(source, 'class User { int id; }')
  assert.match((await planJars(ctx, at, false)).reason ?? '', /changed$/)
})

test.run()
