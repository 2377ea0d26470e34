import { AquaError } from '../../scripts/error.ts'
import { Secret, unwrap } from '../../scripts/secret.ts'
import type { EnvMap } from '../../scripts/step.ts'
import type { Service } from '../services.ts'

export interface Credentials {
  role: string
  password: Secret
}

/** The role that owns a service's schema: migrations run as it, so that what they make belongs to it and not to the superuser. */
export function credentials({ name, role }: Service, env: EnvMap): Credentials {
  const password = role && env[role.passwordVariable]
  if (!password)
    throw new AquaError('PASSWORD_MISSING', `${role?.passwordVariable ?? `the password of ${name}`} has no value`, {
      exit: 'missing',
      hint: `aqua env init ${env.AQUA_STAGE ?? 'dev'}`,
    })
  return { role: role.name, password: new Secret(unwrap(password)) }
}
