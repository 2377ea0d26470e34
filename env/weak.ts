import type { Variable } from './schema.ts'

/** Passwords that come with images, tutorials and old copies of this project: the first ones anybody tries. */
const knownDefaults = new Set(
  [
    'postgres',
    'postgresql',
    'redis',
    'minio',
    'minioadmin',
    'minio123',
    'changeme',
    'secret',
    'password',
    'passwd',
    'admin',
    'administrator',
    'root',
    'test',
    'guest',
    'user',
    'example',
    'default',
    'qwerty',
    'aquastream',
    'jwtsecret',
    'mysecretpassword',
    'yoursecretkey',
  ].flatMap((word) => [word, `${word}1`, `${word}123`]),
)

/** Still what the example says. */
export function isPlaceholder(variable: Variable, value: string): boolean {
  return /change[_-]me/i.test(value) || value === variable.placeholder
}

/** Why a value is easy to guess, to follow the variable's name; undefined when no rule says so. */
export function weakness(
  variable: Variable,
  value: string,
  get: (name: string) => string | undefined,
): string | undefined {
  if (variable.minLength === undefined) return undefined
  const bare = value.toLowerCase().replace(/[^a-z0-9]/g, '')
  const isUser = variable.name === 'MINIO_ROOT_USER'
  if (knownDefaults.has(bare) && !(isUser && bare === 'aquastream')) return 'is a well-known default'
  if (value.length < variable.minLength) return `is shorter than ${variable.minLength} characters`
  if (!variable.secret) return undefined
  if (new Set(value).size < 6) return 'repeats a few characters'
  const users = ['POSTGRES_USER', 'MINIO_ROOT_USER', 'POSTGRES_DB']
  return users.some((name) => get(name) === value) ? 'is the name of the user' : undefined
}
