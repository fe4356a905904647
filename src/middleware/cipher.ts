import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { MillraceError } from '../core/errors.ts'
import type { Key } from './key-ring.ts'

export const ALGORITHM = 'A256GCM'
const CIPHER = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16

export const randomIv = (): Buffer => randomBytes(IV_BYTES)

/**
 * An IV that follows from what it is for. Whoever publishes again under an idempotency key must write the same bytes,
 * or would be told of a conflict. Two IVs are the same only where everything that is encrypted and bound is, so a
 * ciphertext tells no more than that one event was published twice, which its idempotency key says already.
 */
export function repeatableIv(key: Key, parts: readonly string[]): Buffer {
  const digest = createHmac('sha256', key.ivSecret).update(JSON.stringify(parts)).digest()
  return digest.subarray(0, IV_BYTES)
}

/** The ciphertext of a text and, behind it, its tag, in base64. `bound` is no secret, but opens with nothing else. */
export function encryptText(key: Key, iv: Buffer, text: string, bound: string): string {
  const cipher = createCipheriv(CIPHER, key.secret, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(bound))
  return Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64')
}

/** @throws MillraceError `EVENT_UNDECODABLE` where key, IV, what is bound or the ciphertext are not those of encryption */
export function decryptText(key: Key, iv: Buffer, ciphertext: string, bound: string): string {
  const bytes = Buffer.from(ciphertext, 'base64')
  try {
    if (iv.length !== IV_BYTES || bytes.length < TAG_BYTES) throw new Error('its IV or its tag is too short')
    const decipher = createDecipheriv(CIPHER, key.secret, iv, { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.from(bound))
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
    const head = decipher.update(bytes.subarray(0, bytes.length - TAG_BYTES))
    return Buffer.concat([head, decipher.final()]).toString('utf8')
  } catch (cause) {
    const message = `the event can't be decrypted by the key "${key.id}": it was changed, belongs to another event, or the ring holds another key under that id`
    throw new MillraceError('EVENT_UNDECODABLE', message, { cause })
  }
}
