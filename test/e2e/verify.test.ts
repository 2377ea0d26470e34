import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { artifacts } from './backups.ts'
import { type Cluster, seededSchemas, seedSql, startCluster } from './cluster.ts'
import { type Minio, startMinio } from './minio.ts'
import { aqua, docker, json, refusal } from './stack.ts'

let cluster: Cluster
let minio: Minio

test.before(async () => {
  cluster = await startCluster('codec-verify')
  await cluster.sql(seedSql())
  minio = await startMinio('codec-verify-minio')
})
test.after(async () => {
  await cluster?.remove()
  await minio?.remove()
})

interface Checked {
  id: string
  store: string
  problems: string[]
  files: { file: string; problem: string | null }[]
}

/** A folder, a bucket's folder and a key pair of its own. */
async function place(name: string) {
  const keys = fs.mkdtempSync(path.join(artifactsRoot.folder, 'keys-'))
  const { endpoint = '', accessKeyId, secretAccessKey } = minio.settings
  const identity = path.join(keys, 'identity.txt')
  const out = artifacts(cluster, {
    BACKUP_RECIPIENTS_FILE: path.join(keys, 'recipients.txt'),
    BACKUP_IDENTITY_FILE: identity,
    BACKUP_S3_BUCKET: 'backups',
    BACKUP_S3_PREFIX: name,
    BACKUP_S3_ENDPOINT: endpoint,
    BACKUP_S3_ACCESS_KEY: accessKeyId,
    BACKUP_S3_SECRET_KEY: secretAccessKey,
  })
  await aqua(['backup', 'keygen', '--add', '--out', identity], 0, { env: out.env })
  return out
}
const artifactsRoot = artifacts({ project: 'codec-verify' })
test.after(() => artifactsRoot.remove())

test('a set in folder and bucket, encrypted: verified in both, damage is found in the one that has it', async () => {
  const out = await place('both')
  try {
    await aqua(['backup', '--encrypt', '--to', 'both'], 0, { env: out.env })
    const good = await json(['backup', 'verify'], 0, { env: out.env })
    const sets = good.result.sets as Checked[]
    assert.equal(sets.map(({ store }) => store).sort(), ['local', 's3'])
    for (const { files, problems } of sets) {
      assert.is(files.length, seededSchemas.length + 1)
      assert.equal(problems, [])
    }
    const [manifest] = out.manifests()
    const file = manifest?.files.find(({ subject }) => subject === 'payment')?.name ?? ''
    const full = path.join(out.dev, file)
    const bytes = fs.readFileSync(full)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    fs.writeFileSync(full, bytes)
    const error = await refusal(['backup', 'verify', 'latest'], 5, { env: out.env })
    assert.is(error.code, 'VERIFY_FAILED')
    assert.is(error.details?.length, 1)
    assert.match(String(error.details?.[0]), file)
    await aqua(['backup', 'verify', '--from', 's3'], 0, { env: out.env })
    fs.rmSync(full)
    const id = manifest?.id ?? ''
    assert.match(
      String((await refusal(['backup', 'verify', id, '--from', 'local'], 5, { env: out.env })).details),
      file,
    )
    await refusal(['backup', 'verify', '--all'], 5, { env: out.env })
    const other = { ...out.env, BACKUP_IDENTITY_FILE: '' }
    assert.is((await refusal(['backup', 'verify', '--from', 's3'], 3, { env: other })).code, 'NO_IDENTITY')
  } finally {
    out.remove()
  }
})

test('old-style files without a manifest are read to their end', async () => {
  const out = artifacts(cluster)
  try {
    const file = path.join(out.folder, 'event_20250301.dump.gz')
    const script = 'pg_dump -U aquastream -Fc -n event aquastream | gzip -c > /tmp/old.gz'
    await docker('exec', cluster.id, 'sh', '-c', script)
    await docker('cp', '-q', `${cluster.id}:/tmp/old.gz`, file)
    const { result } = await json(['backup', 'verify', '20250301'], 0, { env: out.env })
    const [set] = result.sets as Checked[]
    assert.equal(
      set?.files.map(({ file: name, problem }) => [name, problem]),
      [['event_20250301.dump.gz', null]],
    )
    const bytes = fs.readFileSync(file)
    fs.writeFileSync(file, bytes.subarray(0, bytes.length - 100))
    assert.match(
      String((await refusal(['backup', 'verify', '20250301'], 5, { env: out.env })).details),
      'event_20250301',
    )
  } finally {
    out.remove()
  }
})

test.run()
