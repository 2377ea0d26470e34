import type { ActStep, Io } from '../../scripts/step.ts'
import { openArchive, type Packed } from '../archive.ts'
import { type Postgres, query } from '../postgres.ts'

/** The roles of a set as SQL, which makes what is missing and leaves the others as they are. */
export async function readRoles(io: Io, file: Packed, identities: Parameters<typeof openArchive>[2]): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of await openArchive(io, file, identities)) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

export function rolesStep(postgres: Postgres, file: Packed, identities: Parameters<typeof openArchive>[2]): ActStep {
  return {
    title: 'make missing roles',
    effect: 'write',
    would: [`the statements of ${file.name}`],
    async act(io) {
      await query(io, postgres, await readRoles(io, file, identities))
    },
  }
}
