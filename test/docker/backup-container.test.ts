import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { type Test, test } from 'uvu'
import * as assert from 'uvu/assert'
import { containerSteps, removeContainerStep, volumeName } from '../../backup/schedule/container.ts'
import { composeFiles, type Stack } from '../../docker/engine.ts'
import { backupContainer, receivers } from '../../docker/services.ts'
import { schema, variableOf } from '../../env/schema.ts'
import { type Stage, stages } from '../../scripts/task.ts'
import { type Composed, composed, marks, noCompose } from './composed.ts'
import { root } from './fixture.ts'

const ofCompose: Test = noCompose ? (((name: string) => test.skip(name, noCompose as never)) as unknown as Test) : test

interface Read {
  services: Record<string, Composed & { command?: string[]; profiles?: string[]; tmpfs?: string[] }>
  volumes: Record<string, { external?: boolean; name: string }>
}

/** The files of a stage with the profile, as Compose reads them. */
function read(stage: Stage): Read {
  const files = composeFiles(root, stage).flatMap((file) => ['-f', file])
  const { status, stdout, stderr } = spawnSync(
    'docker',
    ['compose', '-p', 'x', ...files, '--profile', backupContainer.name, 'config', '--format', 'json'],
    { env: { PATH: process.env.PATH, HOME: process.env.HOME, ...marks }, encoding: 'utf8' },
  )
  assert.is(status, 0, stderr)
  return JSON.parse(stdout) as Read
}

ofCompose('it comes with its profile alone, and says for which environment it works', () => {
  for (const stage of stages) {
    assert.not.ok('backup' in composed(stage, marks), stage)
    const { services } = read(stage)
    assert.equal(services.backup?.profiles, ['backup'])
    assert.equal(services.backup?.command, ['schedule', 'run', '--stage', stage])
    assert.is(services.backup?.image, `${marks.IMAGE_PREFIX}aqua-backup:${marks.IMAGE_TAG}`)
    assert.equal(services.backup?.depends_on, { postgres: { condition: 'service_healthy', required: true } })
    assert.ok(services.backup?.build !== undefined, 'it is built where it runs')
  }
})

ofCompose('it sees what the catalogue says, and nothing else; a secret through no other field', () => {
  const { variables, own, constants } = backupContainer
  const wanted = { ...variables, ...Object.fromEntries(own.map((name) => [name, name])) }
  const found = read('prod').services.backup
  const { environment = {}, ...rest } = found ?? ({} as Composed)
  const fromEnv = Object.entries(environment).filter(([key]) => !(key in constants))
  assert.equal(
    Object.fromEntries(fromEnv.sort()),
    Object.fromEntries(
      Object.entries(wanted)
        .map(([as, from]) => [as, marks[from]])
        .sort(),
    ),
  )
  for (const [key, value] of Object.entries(constants)) assert.is(environment[key], value)
  for (const { name, secret } of schema)
    if (secret) assert.not.ok(JSON.stringify(rest).includes(marks[name] as string), name)
  for (const name of own) assert.is(variableOf(name)?.readBy, 'aqua', name)
  // Where it makes no sense in a container, a variable that aqua reads for backups stays out.
  const left = schema.filter(({ name }) => name.startsWith('BACKUP_') && !(own as readonly string[]).includes(name))
  assert.equal(left.map(({ name }) => name).sort(), [
    'BACKUP_DIR',
    'BACKUP_IDENTITY_FILE',
    'BACKUP_RECIPIENTS_FILE',
    'BACKUP_TEXTFILE',
  ])
  assert.ok(receivers('POSTGRES_PASSWORD').some(({ container, as }) => container === 'backup' && as === 'PGPASSWORD'))
})

ofCompose('it is contained like the others, and its volume is out of reach of down --volumes', () => {
  for (const stage of stages) {
    const { services, volumes } = read(stage)
    const found = services.backup as Read['services'][string]
    assert.equal(
      [found.read_only, found.cap_drop, found.user, found.privileged, found.ports, found.init],
      [true, ['ALL'], '1000:1000', undefined, undefined, true],
    )
    assert.ok(found.security_opt?.includes('no-new-privileges:true'))
    assert.ok(Number(found.mem_limit) > 0 && Number(found.pids_limit) > 0)
    const mounts = found.volumes?.map(({ type, source, target, read_only }) => [
      type,
      path.basename(source),
      target,
      read_only === true,
    ])
    assert.equal(mounts, [
      ['volume', 'backup-artifacts', '/aqua/backup/artifacts', false],
      ['bind', 'recipients.txt', '/aqua/backup/recipients.txt', true],
    ])
    assert.equal(volumes['backup-artifacts'], { external: true, name: 'x_backup-artifacts' })
  }
})

test('the image is built on every stage; nothing else of the stack is started or removed', () => {
  const stack = (stage: Stage): Stack => ({ stage, project: 'x', files: ['f.yml'], env: {}, docker: 'docker' })
  const words = (stage: Stage) => containerSteps(stack(stage)).map(({ argv }) => argv.join(' '))
  const start = 'docker compose -p x -f f.yml --profile backup up --detach --no-deps --no-build backup'
  const volume = `docker volume create ${volumeName(stack('prod'))}`
  const build = 'docker compose -p x -f f.yml --profile backup build --quiet backup'
  for (const stage of stages) assert.equal(words(stage), [volume, build, start])
  assert.is(
    removeContainerStep(stack('dev')).argv.join(' '),
    'docker compose -p x -f f.yml --profile backup rm --stop --force backup',
  )
})

test('the image takes in the bundle and no more of this checkout', () => {
  const folder = path.join(root, 'docker', 'images', 'backup')
  const lines = fs.readFileSync(path.join(folder, 'Dockerfile.dockerignore'), 'utf8').split('\n')
  assert.equal(
    lines.filter((line) => line !== '' && !line.startsWith('#')),
    ['*', '!package.json', '!LICENSE', '!scripts/aqua.cjs', '!scripts/fresh.cjs', '!dist', 'dist/inputs.json'],
  )
  const dockerfile = fs.readFileSync(path.join(folder, 'Dockerfile'), 'utf8')
  assert.match(dockerfile, /^USER 1000:1000$/m)
  assert.match(dockerfile, /^STOPSIGNAL SIGTERM$/m)
})

test.run()
