import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { backing, services } from '../../docker/services.ts'
import * as stack from './stack.ts'
import { aqua, container, json } from './stack.ts'

// What a newcomer does, on the machine as it is: without an engine it is installed, without images they are made. The other
// end-to-end tests use both.

const envFile = path.join(stack.root, 'env', '.env.dev')
const devFile = stack.guarded(envFile)

test.before(async () => {
  await stack.sweep(stack.project)
  fs.rmSync(envFile, { force: true })
})

test.after(async () => {
  devFile.restore()
  await stack.sweep(stack.project)
  assert.equal(stack.descendants(), [], 'processes of the tests are left')
})

test('quickstart: from whatever there is to seven healthy services', async () => {
  await aqua(['quickstart'], 0, { live: true })
  for (const name of ['postgres', 'redis', 'minio', ...services.map((service) => service.name)])
    assert.is((await container(name)).State.Health?.Status, 'healthy', name)
  for (const { name } of backing.filter(({ oneShot }) => oneShot)) {
    const { State } = await container(name)
    assert.equal([State.Status, State.ExitCode], ['exited', 0], name)
  }
  assert.is(fs.statSync(envFile).mode & 0o777, 0o600)
})

test('a second quickstart keeps the secrets and touches no container', async () => {
  const [before, secrets] = [await stack.running(), fs.readFileSync(envFile, 'utf8')]
  const { task } = await json(['quickstart'], 0)
  assert.is(task, 'quickstart')
  assert.is(await stack.running(), before)
  assert.is(fs.readFileSync(envFile, 'utf8'), secrets)
})

test.run()
