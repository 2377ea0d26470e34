import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { changeLogOf, liquibaseCommand } from '../../docker/liquibase/command.ts'
import { beyond, handedOver } from '../../docker/liquibase/spring.ts'
import { keysOfProperties, keysOfYaml, springKeys } from '../../docker/liquibase/springfiles.ts'
import { migrating } from '../../docker/liquibase/verbs.ts'
import type { Service } from '../../docker/services.ts'
import { root } from './fixture.ts'

const user = migrating.find(({ short }) => short === 'user') as Service
const key = (name: string, profile?: string) => ({ key: name, file: 'application.yml', line: 3, profile })

test('contexts, labels and parameters of the container are those of Liquibase, by the names that it reads', () => {
  const given = {
    SPRING_LIQUIBASE_CONTEXTS: 'dev,!test',
    SPRING_LIQUIBASE_LABELFILTER: 'a and !b',
    SPRING_LIQUIBASE_PARAMETERS_OWNER: 'it’s "me"',
    SPRING_LIQUIBASE_PARAMETERS_TABLE_SPACE: 'x',
    SPRING_PROFILES_ACTIVE: 'dev',
  }
  const wanted = {
    LIQUIBASE_COMMAND_CONTEXT_FILTER: 'dev,!test',
    LIQUIBASE_COMMAND_LABEL_FILTER: 'a and !b',
    owner: 'it’s "me"',
    'table.space': 'x',
  }
  assert.equal(handedOver(given), wanted)
  assert.equal(handedOver({ SPRING_LIQUIBASE_LABEL_FILTER: 'a', SPRING_LIQUIBASE_CONTEXTS: '' }), {
    LIQUIBASE_COMMAND_LABEL_FILTER: 'a',
  })
  const numbered = {
    SPRING_LIQUIBASE_CONTEXTS_10: 'c',
    SPRING_LIQUIBASE_CONTEXTS_0: 'a',
    SPRING_LIQUIBASE_CONTEXTS_2: 'b',
  }
  assert.equal(handedOver(numbered), { LIQUIBASE_COMMAND_CONTEXT_FILTER: 'a,b,c' })
  // Values travel by environment: the command line shows names.
  const { argv, env } = liquibaseCommand(
    {
      ...{ docker: 'docker', image: 'i', project: 'p', name: 'n', service: user, settings: handedOver(given) },
      changeLog: changeLogOf({ root: path.join(root, 'example'), because: '', example: true }, user),
      database: undefined,
    },
    ['update'],
  )
  const { LIQUIBASE_COMMAND_URL: _, ...rest } = env
  assert.equal(rest, wanted)
  for (const name of Object.keys(wanted)) assert.is(argv[argv.indexOf(name) - 1], '-e')
  for (const value of Object.values(wanted).filter((one) => one.length > 1))
    assert.not.ok(argv.join(' ').includes(value))
})

test('what only the service can evaluate is named, until its container says the same', () => {
  const set = {
    SPRING_LIQUIBASE_CONTEXTS: 'dev',
    SPRING_LIQUIBASE_LABEL_FILTER: 'x',
    SPRING_LIQUIBASE_PARAMETERS_A_B: '',
  }
  for (const name of ['contexts', 'label-filter', 'labelFilter', 'parameters.a.b', 'parameters.a-b'].map((one) =>
    key(`spring.liquibase.${one}`),
  )) {
    assert.is(beyond({}, [name])?.what, `${name.key} in application.yml:3`)
    if (name.key !== 'spring.liquibase.parameters.a-b') assert.is(beyond(set, [name]), undefined, name.key)
  }
  assert.is(beyond({}, [key('spring.liquibase.label-filter')])?.variable, 'SPRING_LIQUIBASE_LABELFILTER')
  for (const name of ['change-log', 'default-schema', 'liquibase-schema', 'enabled'])
    assert.is(beyond({}, [key(`spring.liquibase.${name}`)]), undefined, name)
  // A profile's file counts where that profile is on.
  const ofTest = [key('spring.liquibase.contexts', 'test')]
  assert.is(beyond({ SPRING_PROFILES_ACTIVE: 'dev' }, ofTest), undefined)
  assert.ok(beyond({ SPRING_PROFILES_ACTIVE: 'dev, test' }, ofTest))
  // The name above nested parameters says nothing by itself.
  assert.is(beyond({}, [key('spring.liquibase.parameters')]), undefined)
  // Another table of history: every change set would run again.
  for (const name of ['SPRING_LIQUIBASE_DATABASECHANGELOGTABLE', 'SPRING_LIQUIBASE_DATABASE_CHANGE_LOG_TABLE'])
    assert.ok(beyond({ [name]: 'x' }, []), name)
  assert.is(beyond({}, [key('spring.liquibase.database-change-log-table')])?.variable, '')
  for (const name of ['CONTEXTS', 'LABEL_FILTER', 'PARAMETERS_A_B'])
    assert.ok(beyond({ [`SPRING_LIQUIBASE_${name}`]: '${SPRING_PROFILES_ACTIVE}' }, []), name)
  assert.match(
    beyond({ JAVA_TOOL_OPTIONS: '-Xmx1g -Dspring.liquibase.contexts=dev' }, [])?.what ?? '',
    'JAVA_TOOL_OPTIONS',
  )
})

test('keys of configuration are found nested, with dots, in braces and in properties', () => {
  const yaml = `
server.port: 1
spring:
  application.name: x   # liquibase: no
  liquibase:
    # contexts: no
    contexts: dev
    parameters:
      a.b: 1
  jpa: { open-in-view: false, properties: { x.y: "a: b" } }
spring.liquibase.label-filter: a
---
"spring":
    liquibase: {parameters: {c: 1, d: 2}, contexts: "x"}
other:
  liquibase:
    contexts: no
`
  const found = keysOfYaml(yaml).filter((one) => one.key.startsWith('spring.liquibase.'))
  assert.equal(
    found.map((one) => `${one.line} ${one.key}`),
    [
      '7 spring.liquibase.contexts',
      '8 spring.liquibase.parameters',
      '9 spring.liquibase.parameters.a.b',
      '11 spring.liquibase.label-filter',
      '14 spring.liquibase.parameters',
      '14 spring.liquibase.parameters.c',
      '14 spring.liquibase.parameters.d',
      '14 spring.liquibase.contexts',
    ],
  )
  assert.equal(keysOfProperties('#a.b=1\n a.b = 1\nc:2\n'), [
    { key: 'a.b', line: 2 },
    { key: 'c', line: 3 },
  ])
})

test('they are looked for in the modules of the service and in the shared one; the example sets none that matters', () => {
  const workspace = fs.mkdtempSync(path.join(os.tmpdir(), 'aqua-spring-'))
  try {
    const put = (file: string, text: string) => {
      fs.mkdirSync(path.dirname(path.join(workspace, file)), { recursive: true })
      fs.writeFileSync(path.join(workspace, file), text)
    }
    put('backend-user/backend-user-api/src/main/resources/application-prod.yaml', 'spring.liquibase.contexts: a\n')
    put('backend-common/src/main/resources/config/shared.properties', 'spring.liquibase.parameters.x=1\n')
    put('backend-event/backend-event-api/src/main/resources/application.yml', 'spring.liquibase.contexts: b\n')
    put('backend-user/backend-user-api/src/test/resources/application.yml', 'spring.liquibase.contexts: c\n')
    assert.equal(
      springKeys(workspace, user).map(({ key, profile }) => [key, profile]),
      [
        ['spring.liquibase.contexts', 'prod'],
        ['spring.liquibase.parameters.x', undefined],
      ],
    )
  } finally {
    fs.rmSync(workspace, { recursive: true })
  }
  for (const service of migrating) {
    const keys = springKeys(path.join(root, 'example'), service)
    assert.ok(
      keys.some(({ key }) => key === 'spring.liquibase.change-log'),
      service.name,
    )
    assert.is(beyond({ SPRING_PROFILES_ACTIVE: 'dev' }, keys), undefined, service.name)
  }
})

test.run()
