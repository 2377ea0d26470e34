import fs from 'node:fs'
import path from 'node:path'
import dotenv from 'dotenv'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { receivers } from '../../docker/services.ts'
import { exampleFiles, renderExample } from '../../env/example.ts'
import { catalogueNames, defaultOf, placeholder, schema, variableOf, variablesOf } from '../../env/schema.ts'
import { weakness } from '../../env/weak.ts'
import { stages } from '../../scripts/task.ts'

declare const __ROOT__: string

test('every variable that the catalogue names is in the schema', () => {
  assert.equal(
    [...catalogueNames()].filter((name) => !variableOf(name)),
    [],
  )
})

test('every variable in the schema is used: by the catalogue, by Compose files, or by aqua', () => {
  const used = catalogueNames()
  assert.equal(
    schema.filter(({ name, readBy }) => !used.has(name) && !readBy).map(({ name }) => name),
    [],
  )
  const both = schema.filter(({ name, readBy }) => readBy && receivers(name).length > 0)
  assert.equal(
    both.map(({ name }) => name),
    [],
  )
})

test('names are unique, conditions name variables, secrets have no default and a rule', () => {
  assert.is(new Set(schema.map(({ name }) => name)).size, schema.length)
  for (const variable of schema) {
    if (variable.requiredWhen) assert.ok(variableOf(variable.requiredWhen.name), variable.name)
    if (!variable.secret) continue
    assert.is(variable.default, undefined, variable.name)
    assert.ok(variable.minLength, variable.name)
  }
})

test('defaults satisfy their own format and are not weak', () => {
  for (const stage of stages)
    for (const variable of variablesOf(stage)) {
      const value = defaultOf(variable, stage)
      if (value === undefined) continue
      assert.is(variable.format.problem(value), undefined, variable.name)
      assert.is(
        weakness(variable, value, () => undefined),
        undefined,
        variable.name,
      )
    }
})

test('the committed examples are what the schema says (UPDATE_EXAMPLES=1 writes them)', () => {
  for (const { file, text } of exampleFiles()) {
    const full = path.join(__ROOT__, file)
    if (process.env.UPDATE_EXAMPLES) fs.writeFileSync(full, text)
    assert.is(fs.readFileSync(full, 'utf8'), text, file)
  }
})

test('an example holds every variable of its stage and no working secret', () => {
  for (const stage of [...stages, 'all'] as const) {
    const text = renderExample(stage)
    const values = dotenv.parse(text)
    for (const variable of stage === 'all' ? schema : variablesOf(stage)) {
      assert.match(text, new RegExp(`^(# )?${variable.name}=`, 'm'))
      if (variable.secret) assert.ok([undefined, placeholder].includes(values[variable.name]), variable.name)
      else if (variable.required) assert.ok(values[variable.name], `${stage} ${variable.name}`)
    }
  }
})

/** Each format with values that it takes and values that it refuses. */
const formats: Record<string, { good: string[]; bad: string[] }> = {
  POSTGRES_PORT: { good: ['1', '5432', '65535'], bad: ['0', '65536', '05432', '5432 ', 'five', '-1'] },
  YOOKASSA_ENABLED: { good: ['true', 'false'], bad: ['yes', 'TRUE', '1'] },
  OFD_URL: { good: ['https://ofd.example/x', 'http://127.0.0.1:1'], bad: ['ofd.example', 'ftp://x', 'https://a b'] },
  TELEGRAM_WEBHOOK_URL: { good: ['https://api.example/hook'], bad: ['http://api.example/hook'] },
  GATEWAY_BIND: { good: ['127.0.0.1', '0.0.0.0', '::1'], bad: ['localhost', '256.0.0.1', '1.2.3', '127.0.0.1:80'] },
  GATEWAY_CORS_ALLOWED_ORIGINS: {
    good: ['https://a.example', 'http://localhost:3000,https://b.example:8443'],
    bad: ['*', 'https://a.example/', 'a.example', 'https://a.example, https://b.example', 'https://a.example:443'],
  },
  MINIO_BOOTSTRAP_BUCKETS: {
    good: ['aquastream-payment,aquastream-media', 'aquastream-payment,aquastream-media,more'],
    bad: ['aquastream-media', 'aquastream-payment,aquastream-media,', 'aquastream-payment,aquastream-media,Big_One'],
  },
  IMAGE_PREFIX: {
    good: ['ghcr.io/owner/', 'aquastream/', 'localhost:5000/'],
    bad: ['ghcr.io/owner', 'https://ghcr.io/owner/', 'ghcr.io/Owner/', '/'],
  },
  IMAGE_TAG: { good: ['dev', 'sha-1234567', 'v1.2.3'], bad: ['latest', '-x', 'a b', 'a:b'] },
  POSTGRES_IMAGE: {
    good: ['postgres:16.15', 'mirror.example:5000/a/postgres:16', `postgres@sha256:${'0'.repeat(64)}`],
    bad: ['postgres', 'postgres:latest', 'Postgres:16', 'https://a/postgres:16', 'postgres@sha256:12'],
  },
  AQUA_REGISTRY: { good: ['mirror.example:5000/', 'mirror.example/hub/'], bad: ['mirror.example', 'http://mirror/'] },
  COMPANY_INN: {
    good: ['7707083893', '500100732259'],
    bad: ['7707083894', '500100732258', '770708389', '77070838930'],
  },
  COMPOSE_PROJECT_NAME: { good: ['aquastream-dev'], bad: ['Aqua', '-x', 'a b'] },
  POSTGRES_DB: { good: ['aquastream'], bad: ['Aqua', '1a', 'a-b', 'a'.repeat(64)] },
  TELEGRAM_BOT_TOKEN: { good: [`123456:${'A'.repeat(35)}`], bad: ['123456', 'abc:def'] },
}

test('formats take what they should and refuse what they should', () => {
  for (const [name, { good, bad }] of Object.entries(formats)) {
    const format = variableOf(name)?.format
    for (const value of good) assert.is(format?.problem(value), undefined, `${name}=${value}`)
    for (const value of bad) assert.type(format?.problem(value), 'string', `${name}=${value}`)
  }
})

test.run()
