import fs from 'node:fs'
import path from 'node:path'
import { type Test, test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ImageKey, thirdPartyImages } from '../../docker/images/catalogue.ts'
import { devPorts } from '../../docker/requirements/ports.ts'
import { backing, buckets, composeName, initOf, receivers, services } from '../../docker/services.ts'
import { closure, placeholders, publishedPorts } from '../../docker/stack.ts'
import { imageNames } from '../../docker/thirdparty.ts'
import { schema, variableOf } from '../../env/schema.ts'
import { stages } from '../../scripts/task.ts'
import { type Composed, composed, marks, noCompose, required, settings, settingsOf } from './composed.ts'
import { root } from './fixture.ts'

const everything = [...services, ...backing]
const names = everything.map(({ name }) => name).sort()
const read = (...file: string[]) => fs.readFileSync(path.join(root, ...file), 'utf8')

/** A test of the Compose files as Compose reads them. */
const ofCompose: Test = noCompose ? (((name: string) => test.skip(name, noCompose as never)) as unknown as Test) : test

const cache = new Map<string, Record<string, Composed>>()
/** `marked`: every variable has a value of its own; else only those that have no default. */
function stack(stage: (typeof stages)[number], marked = true): Record<string, Composed> {
  const key = `${stage} ${marked}`
  const known = cache.get(key) ?? composed(stage, marked ? marks : { ...required, IMAGE_PREFIX: 'o/', IMAGE_TAG: 't' })
  cache.set(key, known)
  return known
}
const each = (check: (container: Composed, name: string, where: string) => void) => {
  for (const stage of stages)
    for (const [name, container] of Object.entries(stack(stage))) check(container, name, `${name} in ${stage}`)
}

ofCompose('the containers of every stage are those of the catalogue', () => {
  for (const stage of stages) assert.equal(Object.keys(stack(stage)).sort(), names)
})

ofCompose(
  'a container sees the variables of its catalogue entry, from the sources named there, and nothing else',
  () => {
    const sourceOf = (value: string) => Object.keys(marks).filter((name) => value.includes(marks[name] as string))
    for (const stage of stages)
      for (const { name, variables, constants } of everything) {
        const environment = Object.entries(stack(stage)[name]?.environment ?? {})
        const fromEnv = environment.flatMap(([as, value]) => sourceOf(value).map((from) => `${as} from ${from}`))
        assert.equal(
          fromEnv.sort(),
          Object.entries(variables)
            .map(([as, from]) => `${as} from ${from}`)
            .sort(),
          `${name} in ${stage}`,
        )
        const rest = environment.filter(([, value]) => sourceOf(value).length === 0)
        const files = settingsOf(stage, name)
        assert.equal(
          rest.map(([key]) => key).sort(),
          [...files, ...Object.keys(constants)].sort(),
          `${name} in ${stage}`,
        )
        assert.equal(
          Object.fromEntries(rest.filter(([key]) => !files.has(key)).sort()),
          Object.fromEntries(Object.entries(constants).sort()),
          `constants of ${name} in ${stage}: docker/compose/docker-compose.yml has to say what docker/services.ts says`,
        )
      }
  },
)

ofCompose('every secret of the schema reaches those who are listed as its receivers, through no other field', () => {
  for (const stage of stages)
    for (const [name, container] of Object.entries(stack(stage))) {
      const { environment: _, ...rest } = container
      const text = JSON.stringify(rest)
      for (const { name: variable, secret } of schema)
        if (secret) assert.not.ok(text.includes(marks[variable] as string), `${variable} in ${name}`)
    }
  for (const { name, secret, readBy } of schema)
    if (secret && readBy === undefined) assert.ok(receivers(name).length > 0, `nobody receives ${name}`)
})

ofCompose('dev publishes the ports of the catalogue on this machine only, each movable', () => {
  const published = Object.entries(stack('dev')).flatMap(([container, { ports = [] }]) =>
    ports.map(({ host_ip, target, published }) => `${host_ip} ${published} ${container} ${target}`),
  )
  const wanted = publishedPorts('dev', marks, new Set(names)).map(
    ({ port, container, target }) => `127.0.0.1 ${port} ${container} ${target}`,
  )
  assert.equal(published.sort(), wanted.sort())
  assert.is(published.length, services.length + 4)
  const standard = Object.values(stack('dev', false)).flatMap(({ ports = [] }) => ports)
  for (const { host_ip, target, published } of standard)
    assert.equal([host_ip, published], ['127.0.0.1', String(target)])
})

ofCompose('stage and prod publish the gateway alone, locally unless told otherwise; the base publishes nothing', () => {
  for (const stage of ['stage', 'prod'] as const)
    for (const [marked, ip, published] of [
      [true, marks.GATEWAY_BIND, marks.GATEWAY_PORT],
      [false, '127.0.0.1', '8080'],
    ] as const)
      for (const [name, { ports = [] }] of Object.entries(stack(stage, marked))) {
        const found = ports.map((port) => [port.host_ip, port.published, port.target])
        assert.equal(found, name === 'backend-gateway' ? [[ip, published, 8080]] : [], `${name} in ${stage}`)
      }
  assert.not.match(read('docker', 'compose', 'docker-compose.yml'), /^\s*ports:/m)
})

ofCompose('every container is contained', () => {
  each((container, name, where) => {
    assert.is(container.read_only, true, where)
    assert.equal(container.cap_drop, ['ALL'], where)
    assert.is(container.cap_add, undefined, where)
    assert.is(container.privileged, undefined, where)
    assert.is(container.network_mode, undefined, where)
    assert.ok(container.security_opt?.includes('no-new-privileges:true'), where)
    assert.match(container.user ?? '', /^[1-9]\d*:[1-9]\d*$/, where)
    assert.ok((container.pids_limit ?? 0) > 0, where)
    assert.ok(Number(container.mem_limit ?? 0) > 0, where)
    assert.ok((container.cpus ?? 0) > 0, where)
    assert.ok((container.ulimits?.nofile?.hard ?? 0) > 0, where)
    assert.equal(container.logging, { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '5' } }, where)
    assert.is(container.init, true, where)
    const once = backing.find((one) => one.name === name)?.oneShot === true
    assert.match(container.restart ?? '', once ? /^on-failure/ : /^(unless-stopped|always)$/, where)
    assert.is(container.healthcheck?.disable === true, once, where)
    assert.is((container.healthcheck?.test ?? []).length > 0, !once, where)
    for (const { type, source, read_only } of container.volumes ?? []) {
      if (type === 'volume') continue
      assert.ok(source.startsWith(path.join(root, 'docker', 'compose') + path.sep), where)
      assert.is(read_only, true, where)
    }
  })
  for (const { name } of services) assert.is(stack('prod')[name]?.restart, 'always')
})

ofCompose('who waits for whom is needs and after, with the condition that fits', () => {
  for (const { name, needs, after } of services) {
    const wanted = [...needs.map((need) => initOf(need) ?? need), ...after]
    for (const stage of stages) {
      const found = stack(stage)[name]?.depends_on ?? {}
      assert.equal(Object.keys(found).sort(), [...wanted].sort(), `${name} in ${stage}`)
      for (const [other, { condition, required: must }] of Object.entries(found))
        assert.equal(
          [condition, must],
          [other.endsWith('-init') ? 'service_completed_successfully' : 'service_healthy', true],
          `${name} on ${other}`,
        )
    }
  }
  for (const of of ['minio', 'postgres']) assert.equal(Object.keys(stack('dev')[`${of}-init`]?.depends_on ?? {}), [of])
})

ofCompose('starting one service alone starts what Compose would', () => {
  const reach = (name: string, found = new Set<string>()): Set<string> => {
    found.add(name)
    for (const other of Object.keys(stack('dev')[name]?.depends_on ?? {})) if (!found.has(other)) reach(other, found)
    return found
  }
  for (const service of services)
    assert.equal([...closure([service])].sort(), [...reach(service.name)].sort(), service.name)
})

ofCompose('with a server in its place a container goes, and nobody waits for it or for its ports', () => {
  const replaceable = backing.flatMap(({ name, replacedBy }) => (replacedBy ? [{ name, replacedBy }] : []))
  assert.equal(replaceable, [{ name: 'minio', replacedBy: 'S3_ENDPOINT' }])
  const env = { S3_ENDPOINT: 'https://s3.example' }
  for (const stage of stages) {
    const scales = (values: Record<string, string>) =>
      Object.entries(composed(stage, values)).flatMap(([name, { scale = 1 }]) =>
        scale === 1 ? [] : [`${name} ${scale}`],
      )
    const { S3_ENDPOINT: _, ...without } = marks
    assert.equal(scales({ ...marks, ...env }), ['minio 0'], stage)
    for (const values of [without, { ...without, S3_ENDPOINT: '' }]) assert.equal(scales(values), [], stage)
  }
  const gone = [...closure(services)].filter((name) => !closure(services, env).has(name))
  assert.equal(gone, ['minio'])
  assert.is(closure(services, { S3_ENDPOINT: '' }).has('minio'), true)
  const ports = (values: Record<string, string>) => devPorts((name) => values[name]).map(({ container }) => container)
  assert.equal([ports({}).includes('minio'), ports(env).includes('minio')], [true, false])
  // What only stops or looks sees every container.
  const blank = placeholders({ stage: 'dev', project: 'p', files: [], env: {}, docker: 'docker' })
  assert.is(blank.env.S3_ENDPOINT, undefined)
})

ofCompose('dev builds each service from its own jar; stage and prod build nothing', () => {
  for (const service of services) {
    const build = stack('dev', false)[service.name]?.build
    assert.equal(
      [build?.args.SERVICE_NAME, build?.args.SERVICE_PORT, build?.args.JAR_FILE],
      [service.name, String(service.port), service.jar],
    )
    assert.is(build?.context, path.join(root, 'example'))
    const dockerfile = path.resolve(build?.context ?? '', build?.dockerfile ?? '')
    assert.is(dockerfile, path.join(root, 'docker', 'images', 'service', 'Dockerfile'))
    assert.is(build?.additional_contexts.images, path.dirname(dockerfile))
    assert.is(build?.additional_contexts.health, path.join(root, 'docker', 'images', 'health'))
  }
  const exact = Object.fromEntries(
    services.flatMap(({ short }) => [
      [`AQUA_${short.toUpperCase()}_JAR`, `${short}.jar`],
      [`AQUA_${short.toUpperCase()}_FINGERPRINT`, `of-${short}`],
    ]),
  )
  const built = composed('dev', { ...marks, ...exact })
  for (const { name, short } of services) {
    const args = built[name]?.build?.args
    assert.equal([args?.JAR_FILE, args?.FINGERPRINT], [`${short}.jar`, `of-${short}`])
  }
  for (const stage of ['stage', 'prod'] as const)
    for (const container of Object.values(stack(stage))) assert.is(container.build, undefined)
})

ofCompose('images: services by prefix and tag; the others by the catalogue, a mirror, or their variable', () => {
  const variables: Record<string, ImageKey> = {
    postgres: 'POSTGRES_IMAGE',
    redis: 'REDIS_IMAGE',
    minio: 'MINIO_IMAGE',
    'minio-init': 'MINIO_IMAGE',
    'postgres-init': 'POSTGRES_IMAGE',
  }
  const pinned = imageNames('registry', {})
  const mirrored = imageNames('registry', {}, 'mirror.example/')
  for (const stage of stages) {
    const mirror = composed(stage, {
      ...required,
      IMAGE_PREFIX: 'o/',
      IMAGE_TAG: 't',
      AQUA_REGISTRY: 'mirror.example/',
    })
    for (const { name } of backing) {
      const key = variables[name] as ImageKey
      assert.is(stack(stage)[name]?.image, marks[key])
      assert.is(stack(stage, false)[name]?.image, pinned[key])
      assert.is(mirror[name]?.image, mirrored[key])
    }
    for (const { name } of services)
      assert.is(stack(stage)[name]?.image, `${marks.IMAGE_PREFIX}${name}:${marks.IMAGE_TAG}`)
  }
  const runtime = stack('dev', false)['backend-user']?.build?.args.RUNTIME_IMAGE
  assert.is(runtime, pinned.RUNTIME_IMAGE)
  assert.is(stack('dev')['backend-user']?.build?.args.RUNTIME_IMAGE, marks.RUNTIME_IMAGE)
})

ofCompose('no stage starts without its secrets', () => {
  const secrets = Object.keys(required).filter((name) => variableOf(name)?.secret)
  assert.ok(secrets.length >= 4)
  for (const secret of secrets)
    for (const value of [{}, { [secret]: '' }]) {
      const { [secret]: _, ...rest }: Record<string, string> = { ...required, IMAGE_PREFIX: 'o/', IMAGE_TAG: 't' }
      assert.throws(
        () => composed('prod', { ...rest, ...value }),
        (error: Error) => error.message.includes(secret),
      )
    }
})

test('what settings/ holds is no secret and agrees with the catalogue', () => {
  const folder = path.join(root, 'docker', 'compose', 'settings')
  const all = new Map(fs.readdirSync(folder).map((name) => [name, new Map(settings(path.join(folder, name)))]))
  const secrets = new Set(
    schema.filter(({ secret }) => secret).flatMap(({ name }) => [name, ...receivers(name).map(({ as }) => as)]),
  )
  for (const [file, entries] of all)
    for (const key of entries.keys()) assert.not.ok(secrets.has(key), `${key} in ${file}`)
  const peers = Object.fromEntries(
    services.map(({ name, short, port }) => [`${short.toUpperCase()}_SERVICE_URL`, `http://${name}:${port}`]),
  )
  assert.equal(Object.fromEntries(all.get('peers.env') ?? []), peers)
  const gateway = all.get('gateway.env')
  const routed = services.filter(({ route }) => route !== undefined)
  for (const [i, { name, port, route }] of routed.entries()) {
    assert.is(gateway?.get(`SPRING_CLOUD_GATEWAY_ROUTES_${i}_URI`), `http://${name}:${port}`)
    assert.is(gateway?.get(`SPRING_CLOUD_GATEWAY_ROUTES_${i}_PREDICATES_0`), `Path=${route}`)
  }
  for (const { short, buckets: own } of services)
    for (const bucket of own) assert.is(all.get(`${short}.env`)?.get('MINIO_BUCKET'), bucket.name)
})

test('names, ports and buckets are of one service each; variables exist; after has no circle', () => {
  const once = (values: readonly unknown[]) => assert.is(new Set(values).size, values.length)
  once(everything.map(({ name }) => name))
  once(services.map(({ port }) => port))
  once([...services.map(({ portVariable }) => portVariable), ...backing.flatMap(({ ports }) => Object.values(ports))])
  once(buckets.map(({ name }) => name))
  for (const { name, variables } of everything)
    for (const variable of Object.values(variables)) assert.ok(variableOf(variable), `${variable} of ${name}`)
  const earlier = new Set<string>()
  for (const { name, after } of services) {
    for (const other of after) assert.ok(earlier.has(other), `${name} after ${other}`)
    earlier.add(name)
  }
  assert.is(composeName('user'), 'backend-user')
  assert.is(composeName('backend-user'), 'backend-user')
  assert.is(composeName('redis'), 'redis')
  assert.is(composeName('usr'), undefined)
})

test('each service has keys of its own, and only those of what it needs', () => {
  const all = services.flatMap(({ role, redis, objectKey }) => [
    role?.name,
    role?.passwordVariable,
    redis?.name,
    redis?.passwordVariable,
    objectKey?.accessVariable,
    objectKey?.secretVariable,
  ])
  const given = all.filter((name) => name !== undefined)
  assert.is(new Set(given).size, given.length)
  const patterns = services.flatMap(({ redis }) => redis?.keys ?? [])
  assert.is(new Set(patterns).size, patterns.length)
  for (const service of services) {
    const { name, needs, role, redis, objectKey, variables, schema: own, after } = service
    assert.is(role !== undefined, needs.includes('postgres'), name)
    assert.is(own !== undefined, needs.includes('postgres'), name)
    assert.is(redis !== undefined, needs.includes('redis'), name)
    assert.is(objectKey !== undefined, needs.includes('minio'), name)
    assert.is(service.buckets.length > 0, needs.includes('minio'), name)
    for (const bucket of service.buckets) assert.is(bucket.owner, name)
    for (const operators of [
      'POSTGRES_USER',
      'POSTGRES_PASSWORD',
      'REDIS_PASSWORD',
      'MINIO_ROOT_USER',
      'MINIO_ROOT_PASSWORD',
    ])
      assert.not.ok(Object.values(variables).includes(operators), `${name} gets ${operators}`)
    // What it may see has to be there before it migrates.
    const before = closure([service])
    for (const other of [...(role?.reads ?? []), ...(role?.refers ?? [])])
      assert.ok(before.has(`backend-${other}`), `${name} sees ${other}, and does not wait for it`)
    assert.is(after.includes(name), false)
  }
})

test('a role may see the schemas that its service’s change logs in the example name, and no other', () => {
  for (const { name, changelog, role, schema: own } of services) {
    if (!changelog || !role) continue
    const sql = sqlOf(changelog)
    const named = services.flatMap(({ schema: other }) =>
      other && other !== own && new RegExp(`(?<![\\w.])"?${other}"?\\.`).test(sql) ? [other] : [],
    )
    assert.equal([...role.reads, ...role.refers].sort(), named.sort(), name)
    const read = named.filter((other) => new RegExp(`\\b(from|join)\\s+"?${other}"?\\.`, 'i').test(sql))
    assert.equal([...role.reads].sort(), read.sort(), `${name} reads`)
  }
})

/** All SQL of a service of the example. */
function sqlOf(changelog: string): string {
  const folder = path.join(root, 'example', path.dirname(changelog))
  return fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.sql'))
    .map((name) => fs.readFileSync(path.join(folder, name), 'utf8'))
    .join('\n')
}

test('the example has the modules, ports, schemas, change logs and routes of the catalogue', () => {
  const gateway = read('example', 'backend-gateway', 'src', 'main', 'resources', 'application.yml')
  for (const { name, port, jar, schema: own, changelog, route } of services) {
    const module = path.join(root, 'example', path.dirname(jar), '..', '..')
    assert.ok(fs.existsSync(path.join(module, 'pom.xml')), name)
    const yml = fs.readFileSync(path.join(module, 'src', 'main', 'resources', 'application.yml'), 'utf8')
    assert.is(Number(/^server\.port: (\d+)$/m.exec(yml)?.[1]), port, name)
    assert.is(/^ {2}application\.name: (\S+)$/m.exec(yml)?.[1], name)
    assert.is(/^ {2}liquibase\.default-schema: "?(\w+)"?$/m.exec(yml)?.[1], own, name)
    if (changelog) assert.ok(fs.existsSync(path.join(root, 'example', changelog)), name)
    if (route) assert.ok(gateway.includes(`localhost:${port}}", predicates: ["Path=${route}"]`), name)
  }
})

test('a schema of the example refers only to schemas that migrate before it', () => {
  for (const service of services) {
    if (!service.changelog) continue
    const sql = sqlOf(service.changelog)
    const before = closure([service])
    for (const { name, schema: other } of services) {
      if (!other || name === service.name) continue
      if (new RegExp(`\\b(references|from|join)\\s+"?${other}"?\\.`, 'i').test(sql))
        assert.ok(before.has(name), `${service.name} refers to ${other}, and does not wait for ${name}`)
    }
  }
})

const images = path.join('docker', 'images')
const args = (text: string) =>
  Object.fromEntries([...text.matchAll(/^ARG (\w+)=(\S+)$/gm)].map(([, key = '', value = '']) => [key, value]))

test('defaults in the Dockerfiles are the catalogue’s', () => {
  const registry = imageNames('registry', {})
  const debian = imageNames('debian', {})
  assert.is(args(read(images, 'service', 'Dockerfile')).RUNTIME_IMAGE, registry.RUNTIME_IMAGE)
  for (const image of thirdPartyImages) {
    if (!image.folder) continue
    const found = args(read(images, image.folder, 'Dockerfile'))
    for (const [key, value] of Object.entries(image.args)) assert.is(found[key], value, `${key} in ${image.folder}`)
    // Debian's images stand on each other; the one that has no other source stands on what is pulled by default.
    const bases = image.registry ? debian : registry
    for (const [key, base] of Object.entries(image.bases))
      assert.is(found[key], bases[base], `${key} in ${image.folder}`)
  }
})

test('every image is pinned: nothing latest, nothing without a tag, no frontend fetched for a Dockerfile', () => {
  for (const { registry, debian } of thirdPartyImages)
    for (const name of [registry, debian]) if (name) assert.match(name, /:[\w.-]*\d|:trixie$/)
  const files = fs
    .readdirSync(path.join(root, 'docker'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /(Dockerfile|\.ya?ml)$/.test(name))
  assert.ok(files.length > 8)
  for (const name of files) {
    const text = read('docker', name)
    assert.not.match(text, /:latest\b/, name)
    assert.not.match(text, /^#\s*syntax\s*=/m, name)
    assert.not.match(text, /bitnami|promtail|grafana-oss/i, name)
    const stagesOf = new Set([...text.matchAll(/^FROM .* AS (\w+)$/gm)].map(([, stage]) => stage))
    for (const [, from = ''] of text.matchAll(/^FROM (\S+)/gm))
      assert.ok(from.startsWith('${') || stagesOf.has(from), `${name}: FROM ${from}`)
  }
})

test('MinIO says the versions that go.mod pins', () => {
  const mod = read(images, 'minio', 'go.mod')
  const found = args(read(images, 'minio', 'Dockerfile'))
  for (const [prefix, module] of [
    ['MINIO', 'github.com/minio/minio'],
    ['MC', 'github.com/minio/mc'],
  ] as const) {
    const [, y, mo, d, h, mi, s, commit] =
      new RegExp(`^\\s*${module} v0\\.0\\.0-(\\d{4})(\\d\\d)(\\d\\d)(\\d\\d)(\\d\\d)(\\d\\d)-(\\w+)`, 'm').exec(mod) ??
      []
    assert.is(found[`${prefix}_VERSION`], `${y}-${mo}-${d}T${h}:${mi}:${s}Z`)
    assert.is(found[`${prefix}_TAG`], `DEVELOPMENT.${y}-${mo}-${d}T${h}-${mi}-${s}Z`)
    assert.is(found[`${prefix}_COMMIT`], commit)
  }
  const minio = thirdPartyImages.find(({ key }) => key === 'MINIO_IMAGE')
  assert.is(minio?.debian, `aqua/minio:${found.MINIO_VERSION?.slice(0, 10)}`)
  assert.not.match(mod, /^replace/m)
  const go = thirdPartyImages.find(({ key }) => key === 'GO_IMAGE')
  const [, version] = /^go (\S+)$/m.exec(mod) ?? []
  assert.is(go?.args.GO_VERSION, version)
  assert.match(go?.registry ?? '', `golang:${version}-`)
  assert.match(go?.debian ?? '', `aqua/go:${version}-`)
})

test.run()
