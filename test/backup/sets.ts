import { Readable } from 'node:stream'
import { fileName, type Manifest, manifestName, setId } from '../../backup/manifest.ts'
import type { Store } from '../../backup/store/store.ts'
import { AquaError } from '../../scripts/error.ts'

/** Objects in memory behind the interface of a store, with a fault before any operation. */
export class Shelf implements Store {
  readonly kind = 'local'
  readonly where = 'shelf/dev'
  readonly objects = new Map<string, string>()
  readonly calls: string[] = []
  /** Thrown by the operation it returns an error for. */
  fault: (operation: string, name: string) => Error | undefined = () => undefined

  #enter(operation: string, name = ''): void {
    const error = this.fault(operation, name)
    if (error) throw error
    this.calls.push(`${operation} ${name}`.trim())
  }
  async list() {
    this.#enter('list')
    return [...this.objects].map(([name, text]) => ({ name, bytes: Buffer.byteLength(text), storedAt: new Date(0) }))
  }
  create(): never {
    throw new Error('not used here')
  }
  async write(name: string, text: string) {
    this.#enter('write', name)
    this.objects.set(name, text)
  }
  async read(name: string) {
    return Readable.from([await this.readText(name)])
  }
  async readText(name: string) {
    this.#enter('read', name)
    const text = this.objects.get(name)
    if (text === undefined) throw new AquaError('OBJECT_MISSING', `${name} is not in ${this.where}`)
    return text
  }
  async remove(name: string) {
    this.#enter('remove', name)
    this.objects.delete(name)
  }
  async sweep() {
    return 0
  }
}

export interface Made {
  schemas?: readonly string[]
  environment?: Manifest['environment']
  label?: string
  safety?: string
}

/** A whole set: its manifest and the objects it names, as name → text. */
export function madeSet(takenAt: Date | string, made: Made = {}): { manifest: Manifest; objects: Map<string, string> } {
  const at = new Date(takenAt)
  const id = setId(at)
  const { schemas = ['user', 'event'], environment = 'dev', ...rest } = made
  const measure = (bytes: number) => ({ bytes, sha256: '0'.repeat(64) })
  const file = (kind: 'schema' | 'roles', subject: string) => ({
    name: fileName(kind, subject, id, 'gzip', false),
    kind,
    subject,
    compression: 'gzip' as const,
    encrypted: false,
    plainBytes: 100,
    compressed: measure(10),
    stored: measure(10),
  })
  const manifest: Manifest = {
    format: 1,
    id,
    environment,
    takenAt: at.toISOString(),
    seconds: 3,
    ...rest,
    database: 'aquastream',
    server: { version: '17.6', versionNumber: 170006, encoding: 'UTF8' },
    tool: { aqua: '0.1.0', client: '17.6' },
    extensions: [],
    roles: [],
    files: [...schemas.map((schema) => file('schema', schema)), file('roles', '')],
    rows: Object.fromEntries(schemas.map((schema) => [schema, { things: 3 }])),
    recipients: [],
  }
  const objects = new Map(manifest.files.map(({ name }) => [name, '0123456789']))
  objects.set(manifestName(id), JSON.stringify(manifest))
  return { manifest, objects }
}

export async function put(store: Store, objects: Iterable<readonly [string, string]>): Promise<void> {
  for (const [name, text] of objects) await store.write(name, text)
}
