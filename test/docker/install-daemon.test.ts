import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { daemonSteps, waitForEngine } from '../../docker/install/daemon.ts'
import type { Machine } from '../../docker/install/machine.ts'
import type { AquaError } from '../../scripts/error.ts'
import { Children } from '../../scripts/spawn.ts'
import type { Io } from '../../scripts/step.ts'

let folder = ''
test.before.each(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-daemon-'))
})
test.after.each(() => {
  fs.rmSync(folder, { recursive: true, force: true })
})

const machine = {
  docker: 'docker',
  systemd: false,
  root: true,
  interactive: false,
  sudo: 'free',
  stale: [],
} as unknown as Machine

/** Only what the wait uses. */
function io(answer: { code: number; stdout: string; stderr: string }) {
  const said = { title: '' }
  const fake = {
    probe: async () => answer,
    progress() {},
    done(title: string) {
      said.title = title
    },
    sleep: async () => {},
  }
  return { said, io: fake as unknown as Io }
}

const down = { code: 1, stdout: '{"ClientInfo":{"Plugins":[]}}', stderr: 'Cannot connect to the Docker daemon' }

test('the engine outlives aqua: a session of its own, no signal of ours reaches it, its log is a file', async () => {
  if (process.platform !== 'linux') return
  const pidFile = path.join(folder, 'pid')
  const program = path.join(folder, 'dockerd')
  fs.writeFileSync(
    program,
    `#!/bin/sh\necho $$ >${pidFile}.new; mv ${pidFile}.new ${pidFile}; echo started\nexec sleep 60\n`,
    { mode: 0o755 },
  )
  const log = path.join(folder, 'dockerd.log')
  fs.writeFileSync(log, 'failed to start daemon: long ago\n')
  const [start] = daemonSteps(machine, log)
  assert.ok(start && 'argv' in start)
  const children = new Children({ PATH: `${folder}:${process.env.PATH}` })
  const result = await children.run(start.argv, { timeoutMs: 10_000 })
  assert.is(result.code, 0)
  while (!fs.existsSync(pidFile) || fs.readFileSync(log, 'utf8') === '') await delay(10)
  const pid = Number(fs.readFileSync(pidFile, 'utf8'))
  try {
    children.signal('SIGKILL')
    // Fields after the name: state, parent, process group, session.
    const [, , group, session] = fs
      .readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    assert.is(Number(session), pid)
    assert.is(Number(group), pid)
    assert.is(fs.readFileSync(log, 'utf8'), 'started\n')
    assert.is(fs.readFileSync(`${log}.1`, 'utf8'), 'failed to start daemon: long ago\n')
  } finally {
    process.kill(pid, 'SIGKILL')
  }
})

test('an engine that answers ends the wait with its version', async () => {
  const { said, io: fake } = io({
    code: 0,
    stdout: '{"ServerVersion":"26.1.5","ClientInfo":{"Plugins":[]}}',
    stderr: '',
  })
  await waitForEngine(fake, machine, path.join(folder, 'log'))
  assert.match(said.title, '26.1.5')
})

async function failed(answer: typeof down): Promise<AquaError> {
  return waitForEngine(io(answer).io, machine, path.join(folder, 'log')).then(
    () => {
      throw new Error('it waited and was content')
    },
    (error) => error as AquaError,
  )
}

test('an engine that died is told with the end of its log, without waiting for the deadline', async () => {
  fs.writeFileSync(path.join(folder, 'log'), 'level=info msg="Starting up"\nfailed to start daemon: no iptables\n')
  const error = await failed(down)
  assert.is(error.code, 'ENGINE_FAILED')
  assert.is(error.exitCode, 3)
  assert.is(error.details.at(-1), 'failed to start daemon: no iptables')
})

test('a user who may not talk to it is told so at once', async () => {
  const error = await failed({
    ...down,
    stderr: 'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock',
  })
  assert.is(error.code, 'ENGINE_DENIED')
  assert.match(error.hint ?? '', 'usermod -aG docker')
})

test.run()
