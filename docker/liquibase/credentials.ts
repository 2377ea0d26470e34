import { AquaError } from '../../scripts/error.ts'
import { Secret, unwrap } from '../../scripts/secret.ts'
import type { EnvMap } from '../../scripts/step.ts'
import type { Service } from '../services.ts'

export interface Credentials {
  role: string
  password: Secret
}

/** The role that owns a service's schema: migrations run as it, so that what they make belongs to it and not to the superuser. */
export function credentials(service: Service, env: EnvMap): Credentials {
  const variable = `${service.short.toUpperCase()}_DB_PASSWORD`
  const value = env[variable]
  if (!value)
    throw new AquaError('PASSWORD_MISSING', `${variable} has no value`, { exit: 'missing', hint: 'aqua env init' })
  return { role: `backend_${service.short}`, password: new Secret(unwrap(value)) }
}
