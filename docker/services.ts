import { type Bucket, keyNames, keyVariables, redisUserOf } from './access.ts'
import { backingOf, backupContainer } from './backing.ts'
import { type Backing, common, domain, type Service, same } from './definition.ts'

/**
 * The catalogue: one list of what runs. Compose files, image arguments, Liquibase names, scrape targets, CI matrices and
 * the smoke test follow it; `test/docker/catalogue.test.ts` fails when one of them says otherwise.
 */

export { type Backing, backupContainer, type Service }

const gatewayKeys = {
  role: undefined,
  // Besides its own: Spring Cloud Gateway's rate limiter and Spring Session use names of theirs.
  redis: redisUserOf('gateway', ['request_rate_limiter.*', 'spring:session:*']),
  objectKey: undefined,
}

export const services: readonly Service[] = [
  {
    name: 'backend-gateway',
    short: 'gateway',
    port: 8080,
    portVariable: 'GATEWAY_PORT',
    schema: undefined,
    needs: ['redis'],
    after: [],
    jar: 'backend-gateway/build/libs/backend-gateway-*.jar',
    changelog: undefined,
    ...gatewayKeys,
    buckets: [],
    route: undefined,
    variables: { ...common, ...keyVariables(gatewayKeys), ...same('JWT_SECRET', 'GATEWAY_CORS_ALLOWED_ORIGINS') },
    constants: keyNames(gatewayKeys),
    requests: [{ title: 'gateway answers', method: 'GET', path: '/actuator/health', expect: 200 }],
  },
  domain('user', {
    port: 8101,
    needs: ['postgres', 'redis'],
    route: '/api/users/**',
    variables: same('JWT_SECRET', 'TELEGRAM_BOT_TOKEN'),
  }),
  domain('event', {
    port: 8102,
    needs: ['postgres', 'redis'],
    after: ['backend-user'],
    refers: ['user'],
    route: '/api/events/**',
  }),
  domain('crew', {
    port: 8103,
    needs: ['postgres'],
    after: ['backend-user'],
    refers: ['user'],
    route: '/api/crews/**',
  }),
  domain('payment', {
    port: 8104,
    needs: ['postgres', 'redis', 'minio'],
    after: ['backend-event'],
    refers: ['event'],
    buckets: ['aquastream-payment'],
    route: '/api/payments/**',
    variables: same(
      'YOOKASSA_SHOP_ID',
      'YOOKASSA_SECRET_KEY',
      'YOOKASSA_ENABLED',
      'TINKOFF_TERMINAL_KEY',
      'TINKOFF_SECRET_KEY',
      'TINKOFF_ENABLED',
      'SBER_MERCHANT_ID',
      'SBER_SECRET_KEY',
      'SBER_ENABLED',
      'RECEIPT_ENABLED',
      'OFD_URL',
      'COMPANY_INN',
    ),
  }),
  domain('notification', {
    port: 8105,
    needs: ['postgres', 'redis'],
    after: ['backend-user', 'backend-event'],
    // Its digest is a view over their tables.
    reads: ['user', 'event'],
    route: '/api/notifications/**',
    variables: {
      DATABASE_URL: 'POSTGRES_DB',
      DATABASE_PASSWORD: 'NOTIFICATION_DB_PASSWORD',
      ...same('TELEGRAM_BOT_TOKEN', 'TELEGRAM_WEBHOOK_URL', 'TELEGRAM_WEBHOOK_SECRET'),
    },
    constants: { DATABASE_USERNAME: 'backend_notification' },
  }),
  domain('media', {
    port: 8106,
    needs: ['postgres', 'minio'],
    after: ['backend-user'],
    refers: ['user'],
    buckets: ['aquastream-media'],
    route: '/api/media/**',
  }),
]

export const backing: readonly Backing[] = backingOf(services)
export const serviceNames: readonly string[] = services.map((service) => service.name)
export const shortNames: readonly string[] = services.map((service) => service.short)
export const buckets: readonly Bucket[] = services.flatMap((service) => service.buckets)

/** What a backing service needs done before it is of use: `postgres` → `postgres-init`. */
export function initOf(need: string): string | undefined {
  return backing.find(({ name }) => name === `${need}-init`)?.name
}

/** Whether a server of somebody else's stands in for that container, which then does not exist. */
export function isReplaced(container: string, value: (variable: string) => unknown): boolean {
  const variable = backing.find(({ name }) => name === container)?.replacedBy
  return variable !== undefined && Boolean(value(variable))
}

/** `user` and `backend-user` are the same service; backing services go by their own name. */
export function composeName(name: string): string | undefined {
  const service = services.find((candidate) => candidate.short === name || candidate.name === name)
  return service?.name ?? [...backing, backupContainer].find((candidate) => candidate.name === name)?.name
}

/** Which containers receive a variable of the env file, and under which name there. */
export function receivers(variable: string): { container: string; as: string }[] {
  return [...services, ...backing, backupContainer].flatMap(({ name, variables }) =>
    Object.entries(variables)
      .filter(([, source]) => source === variable)
      .map(([as]) => ({ container: name, as })),
  )
}
