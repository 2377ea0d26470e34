import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { root } from '../docker/fixture.ts'
import { actions, alone, workflows } from './workflows.ts'

const files = alone()
const steps = [
  ...[...workflows(files).values()].flatMap(({ jobs }) => Object.values(jobs).flatMap((job) => job.steps ?? [])),
  ...[...actions(files).values()].flatMap(({ runs }) => runs.steps),
]

/** `build-images --only …` for each call of aqua in a script. */
const calls = steps.flatMap(({ run = '' }) => [...run.matchAll(/npx aqua ([^\n>|]+)/g)].map(([, words = '']) => words))

const helps = new Map<string, string>()
function help(task: string): string {
  const known = helps.get(task)
  if (known !== undefined) return known
  const { stdout } = spawnSync(process.execPath, ['scripts/aqua.cjs', 'help', task], { cwd: root, encoding: 'utf8' })
  helps.set(task, stdout)
  return stdout
}

/** Tasks and options that a call uses and aqua has not. */
function unknown(call: string): string[] {
  const [words = ''] = call.split(/ (?=["$-])/)
  const name = words.trim().split(' ')
  const task = [3, 2, 1]
    .map((count) => name.slice(0, count).join('-'))
    .find((one) => fs.existsSync(path.join(root, 'tasks', `${one}.ts`)))
  if (task === undefined) return [name[0] ?? '']
  const options = [...call.matchAll(/--[\w-]+/g)].map(([option]) => option)
  return options.filter((option) => !new RegExp(`${option}\\b`).test(help(task))).map((option) => `${task} ${option}`)
}

const missing = [...new Set(calls.flatMap(unknown))]

test('every task and option that a workflow uses exists', () => {
  assert.ok(calls.length >= 15, `only ${calls.length} calls`)
  assert.equal(missing, [])
})

test('a task or an option that does not exist is noticed', () => {
  assert.equal(unknown('build-jarz'), ['build-jarz'])
  assert.equal(unknown('build-jars "--test=$TESTS"'), ['build-jars --test'])
  assert.equal(unknown('env init dev'), [])
})

test.run()
