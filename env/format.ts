import { buckets } from '../docker/services.ts'

/** The shape of a value. `problem` says what is wrong with a non-empty one, to follow the variable's name. */
export interface Format {
  label: string
  problem(value: string): string | undefined
}

function pattern(label: string, regexp: RegExp, says = `is not ${label}`): Format {
  return { label, problem: (value) => (regexp.test(value) ? undefined : says) }
}

function parseUrl(value: string): URL | undefined {
  return URL.canParse(value) ? new URL(value) : undefined
}

function urlFormat(label: string, protocols: readonly string[]): Format {
  return {
    label,
    problem(value) {
      const url = parseUrl(value)
      return url && protocols.includes(url.protocol) && !/\s/.test(value) ? undefined : `is not ${label}`
    },
  }
}

export const text: Format = { label: 'text', problem: () => undefined }

/** Text with a length that the receiving server insists on, weak or not. */
export function atLeast(length: number, who: string): Format {
  const label = `text of ${length} characters or more`
  return { label, problem: (value) => (value.length < length ? `is not ${label}: ${who} refuses to start` : undefined) }
}

export const boolean: Format = pattern('true or false', /^(?:true|false)$/)

export const port: Format = {
  label: 'a port from 1 to 65535',
  problem: (value) =>
    /^[1-9]\d{0,4}$/.test(value) && Number(value) <= 65535 ? undefined : 'is not a port from 1 to 65535',
}

export const url: Format = urlFormat('an http:// or https:// address', ['http:', 'https:'])
export const httpsUrl: Format = urlFormat('an https:// address', ['https:'])

/** IPv4 or bracketless IPv6, as Compose takes it before a published port. */
export const bindAddress: Format = {
  label: 'an IP address of this machine',
  problem(value) {
    const octets = value.split('.')
    const v4 = octets.length === 4 && octets.every((octet) => /^\d{1,3}$/.test(octet) && Number(octet) <= 255)
    const v6 = value.includes(':') && parseUrl(`http://[${value}]/`) !== undefined
    return v4 || v6 ? undefined : 'is not an IP address of this machine'
  },
}

/** Spring compares origins as text, so a trailing slash or a default port would never match. */
export const origins: Format = {
  label: 'a comma-separated list of origins, scheme://host[:port]',
  problem(value) {
    for (const origin of value.split(',')) {
      if (origin === '*') return 'is *, which lets every site call the API: list the origins'
      const parsed = parseUrl(origin)
      if (!parsed || !/^https?:$/.test(parsed.protocol)) return `holds "${origin}", which is no origin`
      if (parsed.origin !== origin) return `holds "${origin}", which browsers send as ${parsed.origin}`
    }
    return undefined
  },
}

const bucket = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/

export const bucketName: Format = pattern('a bucket name', bucket, 'is no bucket name')

/** Buckets that anybody may read. */
export const publicBuckets: Format = {
  label: 'a comma-separated list of bucket names',
  problem(value) {
    const bad = value.split(',').find((name) => !bucket.test(name))
    return bad === undefined ? undefined : `holds "${bad}", which is no bucket name`
  },
}

/** The services get their bucket names from the catalogue, so those have to be among them. */
export const bucketList: Format = {
  label: 'a comma-separated list of bucket names',
  problem(value) {
    const names = value.split(',')
    const bad = names.find((name) => !bucket.test(name))
    if (bad !== undefined) return `holds "${bad}", which is no bucket name`
    const absent = buckets.map(({ name }) => name).filter((name) => !names.includes(name))
    return absent.length > 0 ? `lacks ${absent.join(', ')}, which the services use` : undefined
  },
}

export const identifier: Format = pattern(
  'a lower-case SQL identifier of at most 63 characters',
  /^[a-z_][a-z0-9_]{0,62}$/,
)
export const accessKey: Format = pattern('3 to 20 characters without = , and spaces', /^[^=,\s]{3,20}$/)
export const ownAccessKey: Format = pattern('3 to 128 characters without = , and spaces', /^[^=,\s]{3,128}$/)
export const oneLine: Format = pattern('text on one line', /^[^\r\n]*$/)
export const region: Format = pattern('a region name such as us-east-1', /^[a-z0-9-]+$/)
export const profiles: Format = pattern('a comma-separated list of Spring profiles', /^[\w-]+(?:,[\w-]+)*$/)
export const projectName: Format = pattern('a Compose project name: a-z 0-9 - _', /^[a-z0-9][a-z0-9_-]*$/)
export const telegramToken: Format = pattern('a bot token, <number>:<letters>', /^\d+:[\w-]{20,}$/)
export const telegramSecret: Format = pattern('1 to 256 characters of A-Z a-z 0-9 _ -', /^[\w-]{1,256}$/)

const host = '(?:[a-z0-9][a-z0-9.-]*(?::\\d+)?)'
const path = '[a-z0-9]+(?:(?:\\.|__?|-+)[a-z0-9]+)*'
const tag = '[\\w][\\w.-]{0,127}'

export const imagePrefix: Format = pattern(
  'a lower-case prefix of image names ending in /, such as ghcr.io/owner/',
  new RegExp(`^${host}(?:/${path})*/$`),
)
export const registryPrefix: Format = pattern(
  'a registry without scheme, ending in /, such as mirror.example:5000/',
  new RegExp(`^${host}(?:/${path})*/$`),
)

/** A moving tag makes a rollback impossible: nobody can say what ran yesterday. */
export const imageTag: Format = {
  label: 'an image tag other than latest, such as sha-1234567',
  problem(value) {
    if (value === 'latest') return 'is latest, which moves: name the build, such as sha-1234567'
    return new RegExp(`^${tag}$`).test(value) ? undefined : 'is not an image tag'
  },
}

export const imageReference: Format = {
  label: 'an image with a tag other than latest, or a digest',
  problem(value) {
    const match = new RegExp(`^(?:${host}/)?${path}(?:/${path})*(?::(${tag}))?(@sha256:[0-9a-f]{64})?$`).exec(value)
    if (!match) return 'is not an image reference'
    if (match[2]) return undefined
    if (match[1] === undefined) return 'has neither tag nor digest'
    return match[1] === 'latest' ? 'has the tag latest, which moves' : undefined
  },
}

/** The taxpayer number carries check digits: the tax service refuses a receipt with a typing error, hours later. */
export const inn: Format = {
  label: 'an INN of 10 or 12 digits',
  problem(value) {
    if (!/^(?:\d{10}|\d{12})$/.test(value)) return 'is not an INN of 10 or 12 digits'
    const digits = [...value].map(Number)
    const weights = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]
    const holds = (at: number) => {
      const used = weights.slice(weights.length - at)
      const sum = used.reduce((total, weight, i) => total + weight * (digits[i] ?? 0), 0)
      return (sum % 11) % 10 === digits[at]
    }
    const ok = digits.length === 10 ? holds(9) : holds(10) && holds(11)
    return ok ? undefined : 'has a typing error: its check digits do not match'
  },
}
