import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { relocate } from '../../ci/install.ts'
import { root, temporary } from '../docker/fixture.ts'
import { alone, inside } from './workflows.ts'

const git = (cwd: string, ...argv: string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.test', ...argv], { cwd, encoding: 'utf8' })

/** A repository of the backend with this project's runner in backend-infra/. */
function repository(): string {
  const { folder } = temporary()
  const project = path.join(folder, 'backend-infra')
  for (const part of ['.github', 'ci', 'scripts', 'tasks', 'docker', 'env', 'backup', 'package.json'])
    fs.cpSync(path.join(root, part), path.join(project, part), { recursive: true })
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(project, 'node_modules'))
  fs.writeFileSync(path.join(folder, '.gitignore'), 'node_modules\ndist\ndist.*\n.aqua\n')
  git(folder, 'init', '-q')
  git(folder, 'add', '-A')
  git(folder, 'commit', '-qm', 'chore: begin')
  return folder
}

const install = (folder: string, ...argv: string[]) =>
  spawnSync(process.execPath, ['backend-infra/scripts/aqua.cjs', 'ci-install', '--json', ...argv], {
    cwd: folder,
    encoding: 'utf8',
  })

test('in backend-infra/ the workflows are written to the repository’s root, once, and checked later', async () => {
  const folder = repository()
  const read = (file: string) => fs.readFileSync(path.join(folder, file), 'utf8')
  assert.is(install(folder, '--check').status, 5)
  assert.not.ok(fs.existsSync(path.join(folder, '.github')))
  const own = path.join(folder, '.github', 'workflows', 'own.yml')
  assert.is(install(folder).status, 0)
  for (const [file, text] of await inside()) assert.is(read(file), text, file)
  fs.writeFileSync(own, 'name: own\n')
  assert.is(install(folder, '--check').status, 0)
  assert.equal(JSON.parse(install(folder).stdout).steps, [])

  // Written and not committed, then changed by hand: refused, and untouched.
  fs.appendFileSync(path.join(folder, '.github/labels.yml'), '# mine\n')
  assert.is(install(folder, '--check').status, 5)
  assert.is(install(folder).status, 6)
  assert.match(read('.github/labels.yml'), /# mine/)
  git(folder, 'add', '-A')
  git(folder, 'commit', '-qm', 'ci: workflows')
  const again = install(folder)
  assert.equal([again.status, JSON.parse(again.stdout).result.written], [0, ['.github/labels.yml']])
  assert.not.match(read('.github/labels.yml'), /# mine/)
  assert.is(fs.readFileSync(own, 'utf8'), 'name: own\n')
})

test('only marked lines move', () => {
  const text =
    'a:\n  PROJECT: . # set by aqua ci-install\n  default: example # set by aqua ci-install\n  path: example\n'
  assert.is(
    relocate(text, { project: 'x/y', backend: '.' }),
    'a:\n  PROJECT: x/y # set by aqua ci-install\n  default: . # set by aqua ci-install\n  path: example\n',
  )
})

test('no workflow says where this project lies but in a marked line', async () => {
  for (const [file, text] of await inside()) {
    if (!/^\.github\/(workflows|actions)\//.test(file)) continue
    assert.match(text, /^# Written by aqua ci-install from backend-infra\/\.github\//)
    for (const line of text.split('\n')) {
      if (/^\s*(- )?(run: npx aqua|run: npm ci --no-audit)/.test(line)) continue
      assert.not.match(line, /working-directory: \.\s*$/, `${file}: ${line}`)
    }
    // Every `npx aqua` is run where the project is.
    if (text.includes('npx aqua')) assert.match(text, /(backend-infra|inputs\.project)/, file)
  }
})

interface Update {
  'package-ecosystem': string
  directories: string[]
  schedule: { interval: string }
  cooldown: { 'default-days': number }
  groups: Record<string, unknown>
}

const manifests: Record<string, RegExp> = {
  'github-actions': /^(action\.yml|workflows)$/,
  npm: /^package\.json$/,
  docker: /^Dockerfile$/,
  'docker-compose': /^docker-compose.*\.yml$/,
  maven: /^pom\.xml$/,
  gradle: /^build\.gradle/,
  pip: /^requirements.*\.txt$/,
}

test('dependabot: every ecosystem, grouped, with a cooldown, in folders that hold its manifests', async () => {
  const updates = (text: string | undefined) => (parse(text ?? '') as { updates: Update[] }).updates
  const own = updates(alone().get('.github/dependabot.yml'))
  const backend = updates((await inside()).get('.github/dependabot.yml'))
  const kinds = (list: Update[]) => list.map((update) => update['package-ecosystem'])
  assert.equal(kinds(own), ['github-actions', 'npm', 'docker', 'docker-compose', 'maven', 'pip'])
  assert.equal(kinds(backend), ['github-actions', 'npm', 'docker', 'docker-compose', 'maven', 'gradle', 'pip'])
  for (const update of [...own, ...backend]) {
    const kind = update['package-ecosystem']
    assert.is(update.schedule.interval, 'weekly', kind)
    assert.ok(update.cooldown['default-days'] >= 7, kind)
    assert.is(Object.keys(update.groups).length, 1, kind)
  }
  for (const { 'package-ecosystem': kind, directories } of own)
    for (const directory of directories) {
      const folder = path.join(
        root,
        kind === 'github-actions' && directory === '/' ? '.github' : directory.replace('*', 'aqua'),
      )
      assert.ok(
        fs.readdirSync(folder).some((name) => manifests[kind]?.test(name)),
        `${kind}: nothing in ${directory}`,
      )
    }
  // The backend's repository: the same folders below backend-infra/, and what only it has.
  const foreign = new Set(['/frontend', '/docs/docs-tools', '/docs'])
  for (const { 'package-ecosystem': kind, directories } of backend) {
    const mine = own.find((update) => update['package-ecosystem'] === kind)?.directories ?? ['/']
    const expected = directories.filter((directory) => !foreign.has(directory) && !directory.startsWith('/.github'))
    for (const directory of expected) {
      const back = directory.replace(/^\/backend-infra$/, '/').replace(/^\/backend-infra/, '')
      assert.ok(mine.includes(back), `${kind}: ${directory} has no counterpart`)
    }
  }
})

test.run()
