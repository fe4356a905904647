import { MillraceError } from '../../core/errors.ts'
import type { Seal } from '../../core/request-memory.ts'
import { decryptText, encryptText, randomIv } from '../../middleware/cipher.ts'
import type { KeyRing } from '../../middleware/key-ring.ts'

/** No JSON begins so. */
const SEALED = 'sealed'

/** Encrypts kept answers where events are encrypted: they say the same. Without a ring they are kept as they are. */
export const answerSeal = (ring: KeyRing | undefined): Seal => ({
  async close(text, bound) {
    if (!ring) return text
    const key = await ring.current()
    const iv = randomIv()
    return [SEALED, key.id, iv.toString('base64'), encryptText(key, iv, text, bound)].join(' ')
  },
  async open(kept, bound) {
    const [mark, id = '', iv = '', ciphertext = ''] = kept.split(' ', 4)
    if (mark !== SEALED) return kept
    const key = await ring?.find(id)
    if (key) return decryptText(key, Buffer.from(iv, 'base64'), ciphertext, bound)
    const message = `the answer was encrypted by the key "${id}", which is not among ENCRYPTION_KEYS`
    throw new MillraceError('ENCRYPTION_KEY_UNKNOWN', message)
  },
})
