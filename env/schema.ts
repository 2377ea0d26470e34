import { backing, buckets, services } from '../docker/services.ts'
import { type Stage, stages } from '../scripts/task.ts'
import * as format from './format.ts'

/** What a secret or an address that nobody can guess looks like in an example. */
export const placeholder = 'CHANGE_ME'

export interface Variable {
  name: string
  /** One line without a full stop. */
  about: string
  group: string
  /** Where it has an effect. */
  stages: readonly Stage[]
  /** Required variables without a default must be in the file or the process environment. */
  required: boolean
  /** Also required when that variable is `true`, or has any value. */
  requiredWhen?: { name: string; is: 'true' | 'set' }
  secret: boolean
  format: format.Format
  /** One value for every stage, or one per stage. */
  default?: string | Readonly<Partial<Record<Stage, string>>>
  /** Stands in examples where there is no default; always holds CHANGE_ME, so that `env check` finds it. */
  placeholder?: string
  /** How `env init` makes a value up. */
  generate?: { bytes: number; encoding: 'hex' | 'base64url' }
  /** Shorter is weak; names on the list of known defaults are refused as well. */
  minLength?: number
  /** Who reads it where no container receives it: Compose files (ports, image names) or aqua itself. */
  readBy?: 'compose' | 'aqua'
}

type Rest = Partial<Omit<Variable, 'name' | 'about'>>
type Define = (name: string, about: string, rest?: Rest) => Variable

/** Starts a group: what is not said is optional text for every stage. */
function group(title: string): Define {
  return (name, about, rest = {}) => ({
    name,
    about,
    group: title,
    stages,
    required: rest.default !== undefined,
    secret: false,
    format: format.text,
    ...rest,
  })
}

/** A secret made up by `env init`: hex, because it needs no quoting in a file, a URL, or a command of redis-cli. */
function generated(bytes: number, rest: Rest = {}): Rest {
  return { required: true, secret: true, minLength: 16, generate: { bytes, encoding: 'hex' }, ...rest }
}

const dev: readonly Stage[] = ['dev']
const servers: readonly Stage[] = ['stage', 'prod']
const portOf = (about: string, value: number): [string, Rest] => [
  `Port of ${about} on this machine`,
  { stages: dev, format: format.port, default: String(value) },
]

const publicByDefault = buckets.filter(({ publicRead }) => publicRead).map(({ name }) => name)

const compose = group('Compose')
const images = group('Images')
const postgres = group('PostgreSQL')
const redis = group('Redis')
const minio = group('S3 (MinIO)')
const app = group('Services')
const telegram = group('Telegram')
const payments = group('Payments')
const backup = group('Backup')

/** A payment provider: off by default; switched on, its keys are required. */
function provider(prefix: string, title: string, id: string, idAbout: string): Variable[] {
  const requiredWhen = { name: `${prefix}_ENABLED`, is: 'true' } as const
  return [
    payments(`${prefix}_ENABLED`, `Take payments through ${title}`, { format: format.boolean, default: 'false' }),
    payments(id, `${idAbout} at ${title}`, { requiredWhen }),
    payments(`${prefix}_SECRET_KEY`, `Secret key at ${title}`, { requiredWhen, secret: true, minLength: 8 }),
  ]
}

function imageOverride(name: string, of: string, readBy: 'compose' | 'aqua'): Variable {
  return images(name, `Image of ${of}, in place of the pinned one`, { format: format.imageReference, readBy })
}

/** Every variable there is. Examples, checks, generated files and what a container may see follow this list. */
export const schema: readonly Variable[] = [
  compose('COMPOSE_PROJECT_NAME', 'Prefix of containers, volumes and networks; another name is another stack', {
    format: format.projectName,
    default: { dev: 'aquastream-dev', stage: 'aquastream-stage', prod: 'aquastream-prod' },
    readBy: 'compose',
  }),
  images('IMAGE_PREFIX', 'Registry and owner before the names of the service images, ending in /', {
    required: true,
    format: format.imagePrefix,
    default: { dev: 'aquastream/' },
    placeholder: `ghcr.io/${placeholder}/`,
    readBy: 'compose',
  }),
  images('IMAGE_TAG', 'Tag of the service images: which build runs', {
    required: true,
    format: format.imageTag,
    default: { dev: 'dev' },
    placeholder: `sha-${placeholder}`,
    readBy: 'compose',
  }),
  images('AQUA_REGISTRY', 'Mirror to pull base images through, ending in /', {
    format: format.registryPrefix,
    readBy: 'aqua',
  }),
  imageOverride('RUNTIME_IMAGE', 'the Java runtime under the services', 'aqua'),
  imageOverride('POSTGRES_IMAGE', 'PostgreSQL', 'compose'),
  imageOverride('REDIS_IMAGE', 'Redis', 'compose'),
  imageOverride('MINIO_IMAGE', 'the S3 server', 'compose'),

  postgres('POSTGRES_DB', 'Name of the database', { format: format.identifier, default: 'aquastream' }),
  postgres('POSTGRES_USER', "Operators' role, which owns the database; no service gets it", {
    format: format.identifier,
    default: 'aquastream',
  }),
  postgres('POSTGRES_PASSWORD', 'Password of that role; set when the volume is first made', generated(24)),
  ...services.flatMap(({ role }) =>
    role
      ? [
          postgres(
            role.passwordVariable,
            `Password of the role ${role.name}`,
            generated(24, { format: format.oneLine }),
          ),
        ]
      : [],
  ),
  postgres('POSTGRES_PORT', ...portOf('PostgreSQL', 5432)),
  redis('REDIS_PASSWORD', "Password of Redis' default user, for operators", generated(24)),
  ...services.flatMap((service) =>
    service.redis ? [redis(service.redis.passwordVariable, `Password of the user ${service.name}`, generated(24))] : [],
  ),
  redis('REDIS_PORT', ...portOf('Redis', 6379)),
  minio('S3_ENDPOINT', "Another S3 server in place of the stack's MinIO; its buckets are made, its keys are not", {
    format: format.url,
  }),
  minio('MINIO_ROOT_USER', 'Access key that may do everything on the S3 server; no service gets it', {
    format: format.accessKey,
    default: 'aquastream',
    minLength: 3,
  }),
  minio(
    'MINIO_ROOT_PASSWORD',
    'Secret key that belongs to it',
    generated(20, { format: format.atLeast(8, 'the S3 server') }),
  ),
  minio('MINIO_REGION', 'Region that S3 clients sign for', { format: format.region, default: 'us-east-1' }),
  ...services.flatMap(({ name, objectKey }) =>
    objectKey
      ? [
          minio(objectKey.accessVariable, `Access key of ${name}`, { format: format.ownAccessKey, default: name }),
          minio(
            objectKey.secretVariable,
            'Secret key that belongs to it',
            generated(20, { format: format.atLeast(8, 'the S3 server') }),
          ),
        ]
      : [],
  ),
  minio('MINIO_BOOTSTRAP_BUCKETS', 'Buckets that exist after every start', {
    format: format.bucketList,
    default: buckets.map(({ name }) => name).join(','),
  }),
  minio('MINIO_BUCKET_PUBLIC', 'Of those, the ones whose objects anybody may fetch', {
    format: format.publicBuckets,
    ...(publicByDefault.length > 0 && { default: publicByDefault.join(',') }),
  }),
  minio('MINIO_PORT', ...portOf('the S3 API', 9000)),
  minio('MINIO_CONSOLE_PORT', ...portOf('the S3 console', 9001)),

  app('SPRING_PROFILES_ACTIVE', 'Spring profiles of every service', {
    format: format.profiles,
    default: { dev: 'dev', stage: 'stage', prod: 'prod' },
  }),
  app('JWT_SECRET', 'Key that signs access tokens; a new one logs everybody out', {
    ...generated(48, { minLength: 32 }),
    generate: { bytes: 48, encoding: 'base64url' },
  }),
  app('GATEWAY_CORS_ALLOWED_ORIGINS', 'Origins of the web clients, comma-separated', {
    required: true,
    format: format.origins,
    default: { dev: 'http://localhost:3000,http://localhost:5173' },
    placeholder: `https://${placeholder}.example`,
  }),
  app('GATEWAY_BIND', 'Address that the gateway is published on; keep it local behind a TLS proxy', {
    stages: servers,
    format: format.bindAddress,
    default: '127.0.0.1',
    readBy: 'compose',
  }),
  ...services.map(({ name, portVariable, port }) => {
    const [about, rest] = portOf(name, port)
    return app(portVariable, about, name === 'backend-gateway' ? { ...rest, stages } : rest)
  }),

  telegram('TELEGRAM_BOT_TOKEN', 'Token of the bot, from @BotFather', {
    requiredWhen: { name: 'TELEGRAM_WEBHOOK_URL', is: 'set' },
    secret: true,
    format: format.telegramToken,
    minLength: 20,
  }),
  telegram('TELEGRAM_WEBHOOK_URL', 'Address that Telegram calls; without it the bot polls', {
    format: format.httpsUrl,
  }),
  telegram('TELEGRAM_WEBHOOK_SECRET', 'Proves that a call comes from Telegram', {
    ...generated(24, { required: false, format: format.telegramSecret }),
    requiredWhen: { name: 'TELEGRAM_WEBHOOK_URL', is: 'set' },
  }),
  ...provider('YOOKASSA', 'YooKassa', 'YOOKASSA_SHOP_ID', 'Shop number'),
  ...provider('TINKOFF', 'T-Bank', 'TINKOFF_TERMINAL_KEY', 'Terminal key'),
  ...provider('SBER', 'Sber', 'SBER_MERCHANT_ID', 'Merchant number'),
  payments('RECEIPT_ENABLED', 'Send fiscal receipts', { format: format.boolean, default: 'false' }),
  payments('OFD_URL', 'Address of the fiscal data operator', {
    requiredWhen: { name: 'RECEIPT_ENABLED', is: 'true' },
    format: format.url,
  }),
  payments('COMPANY_INN', 'Taxpayer number on the receipts', {
    requiredWhen: { name: 'RECEIPT_ENABLED', is: 'true' },
    format: format.inn,
  }),

  backup('BACKUP_DIR', 'Folder of the local backups, in place of backup/artifacts', { readBy: 'aqua' }),
  backup('BACKUP_KEEP', 'Which sets a backup leaves behind when it is done', {
    default: 'daily=7,weekly=4,monthly=3',
    readBy: 'aqua',
  }),
  backup('BACKUP_RECIPIENTS_FILE', 'Public keys that backups are encrypted to, in place of backup/recipients.txt', {
    readBy: 'aqua',
  }),
  backup('BACKUP_IDENTITY_FILE', 'File with the secret key that opens encrypted backups', { readBy: 'aqua' }),
  backup('BACKUP_S3_BUCKET', 'Bucket of the backups that go to S3', { format: format.bucketName, readBy: 'aqua' }),
  backup('BACKUP_S3_PREFIX', 'Folder in that bucket', { default: 'aquastream', readBy: 'aqua' }),
  backup('BACKUP_S3_ENDPOINT', 'S3 server of the backups; empty for AWS', { format: format.url, readBy: 'aqua' }),
  backup('BACKUP_S3_REGION', 'Its region', { format: format.region, default: 'us-east-1', readBy: 'aqua' }),
  backup('BACKUP_S3_ACCESS_KEY', 'Access key for that bucket', {
    requiredWhen: { name: 'BACKUP_S3_BUCKET', is: 'set' },
    readBy: 'aqua',
  }),
  backup('BACKUP_S3_SECRET_KEY', 'Secret key for that bucket', {
    requiredWhen: { name: 'BACKUP_S3_BUCKET', is: 'set' },
    secret: true,
    minLength: 8,
    readBy: 'aqua',
  }),
  backup('BACKUP_S3_STORAGE_CLASS', 'Storage class of uploads, e.g. STANDARD_IA', { readBy: 'aqua' }),
  backup('BACKUP_S3_SSE', 'Encryption by the S3 server: AES256 or aws:kms', { readBy: 'aqua' }),
  backup('BACKUP_S3_LOCK_DAYS', 'Days during which S3 refuses to delete an upload (object lock)', { readBy: 'aqua' }),
  backup('BACKUP_OPTIONS', 'Options of aqua backup in the backup container, e.g. --encrypt --to both', {
    readBy: 'aqua',
  }),
  backup('BACKUP_CRON', 'When the backup container runs, five fields in UTC', {
    default: '17 2 * * *',
    readBy: 'aqua',
  }),
  backup('BACKUP_TELEGRAM_CHAT', 'Chat that hears of failed and recovered backups, by TELEGRAM_BOT_TOKEN', {
    readBy: 'aqua',
  }),
  backup('BACKUP_WEBHOOK_URL', 'Address that gets failures and recoveries as JSON', {
    secret: true,
    format: format.url,
    minLength: 12,
    readBy: 'aqua',
  }),
  backup('BACKUP_PING_URL', 'Healthchecks-style address: called with /start, nothing or /fail', {
    secret: true,
    format: format.url,
    minLength: 12,
    readBy: 'aqua',
  }),
  backup('BACKUP_TEXTFILE', 'File for the metrics of backups, read by the node exporter', { readBy: 'aqua' }),
]

const byName = new Map(schema.map((variable) => [variable.name, variable]))

/** The variable of that name, or undefined. */
export function variableOf(name: string): Variable | undefined {
  return byName.get(name)
}

/** The variables that have an effect at a stage, in the order of the file. */
export function variablesOf(stage: Stage): Variable[] {
  return schema.filter((variable) => variable.stages.includes(stage))
}

/** The value when nobody sets one; undefined when there is none. */
export function defaultOf(variable: Variable, stage: Stage): string | undefined {
  return typeof variable.default === 'string' ? variable.default : variable.default?.[stage]
}

/** Required outright, or because of what another variable says; `get` answers with that one's value. */
export function isRequired(variable: Variable, get: (name: string) => string | undefined): boolean {
  if (variable.required) return true
  if (!variable.requiredWhen) return false
  const value = get(variable.requiredWhen.name) ?? ''
  return variable.requiredWhen.is === 'true' ? value === 'true' : value !== ''
}

/** Names that the catalogue gives to containers or publishes as ports. */
export function catalogueNames(): Set<string> {
  return new Set([
    ...services.flatMap(({ portVariable, variables }) => [portVariable, ...Object.values(variables)]),
    ...backing.flatMap(({ ports, variables }) => [...Object.values(ports), ...Object.values(variables)]),
  ])
}
