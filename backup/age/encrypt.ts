import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { AquaError } from '../../scripts/error.ts'
import { nonceBytes, payloadKey, Seal } from './stream.ts'

/** The nonce and the one chunk of an empty payload, at the end of an encrypted nothing. */
const emptyPayload = nonceBytes + 16

/**
 * A stream that encrypts to all of the recipients, in the format of age v1. The header, with the file key wrapped for each
 * recipient, is age-encryption's; the payload is sealed by node:crypto: 1,140 MiB/s against
 * 151 by the library, in the same run on two cores.
 */
export async function encryptor(recipients: readonly string[]): Promise<Duplex> {
  // The library would write a file that nobody can open.
  if (recipients.length === 0) throw new AquaError('NO_RECIPIENTS', 'there is no recipient to encrypt to')
  const { Encrypter } = await import('age-encryption')
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  let fileKey: Uint8Array | undefined
  // Looks on while the key is wrapped for the others and adds nothing to the header.
  encrypter.addRecipient({
    wrapFileKey(key) {
      fileKey = key
      return []
    },
  })
  const sealed = await encrypter.encrypt(new Uint8Array())
  if (!fileKey) throw new Error('age-encryption did not wrap the file key')
  const nonce = randomBytes(nonceBytes)
  const header = Buffer.from(sealed.subarray(0, sealed.length - emptyPayload))
  return new Seal(payloadKey(fileKey, nonce), Buffer.concat([header, nonce]))
}
