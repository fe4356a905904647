import { toJson } from '../core/codec.ts'
import type { NewEvent } from '../core/event.ts'
import type { PublishMiddleware } from '../core/pipeline.ts'
import { MASK } from '../core/redact.ts'
import { ALGORITHM, encryptText, randomIv, repeatableIv } from './cipher.ts'
import type { Key, KeyRing } from './key-ring.ts'
import { parsePaths, replaceAt, type PathTree } from './paths.ts'
import { boundText, CIPHERTEXT, ENCRYPTION, type Encryption } from './sealed-event.ts'

export interface EncryptOptions {
  /** Only what stands there, such as `user.email` or `cards.*.number`; all of the data when left out. */
  paths?: readonly string[]
}

/** A value that was taken out of the data, and the path that it goes back to. */
export type Secret = readonly [path: readonly string[], value: unknown]

/**
 * Encrypts data before it is written, by AES-256-GCM, so that neither Redis nor its backups, dead letters and audit
 * trail ever hold it readable. It comes last in the middleware of a publisher: the data is checked against its schema
 * first. An entry then has `data` null (with `paths`: `****` in their places), and the headers `encryption` (algorithm,
 * key id, IV, stream, as JSON) and `ciphertext`.
 *
 * The ciphertext opens only with the stream, type, key, `dataversion`, readable data and own id that it was written
 * with. An event without an id of its own is not bound to its entry: whoever can write to the stream could add it a
 * second time; give events ids where that matters. Headers and the time are neither bound nor secret.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every path that leads nowhere
 *
 * @example
 * connect({ url, middleware: [encrypt(ring, { paths: ['user.email'] })] })
 */
export function encrypt(ring: KeyRing, { paths }: EncryptOptions = {}): PublishMiddleware {
  const tree = paths && parsePaths(paths)
  return (event, { stream, seal }) =>
    seal(event, async (checked) => close(checked, stream, await ring.current(), tree))
}

function close(event: NewEvent, stream: string, key: Key, tree: PathTree | undefined): NewEvent {
  const { readable, secrets } = separate(event.data, tree)
  const text = JSON.stringify(secrets)
  const bind = (encryption: string) => boundText(encryption, event, toJson(readable))
  const { id, headers, idempotencyKey } = event
  const how = { algorithm: ALGORITHM, key: key.id, stream, ...(id !== undefined && { id }) }
  const iv =
    idempotencyKey === undefined
      ? randomIv()
      : repeatableIv(key, [idempotencyKey, bind(JSON.stringify(how)), text])
  const encryption = JSON.stringify({ ...how, iv: iv.toString('base64') } satisfies Encryption)
  const ciphertext = encryptText(key, iv, text, bind(encryption))
  return {
    ...event,
    data: readable,
    headers: { ...headers, [ENCRYPTION]: encryption, [CIPHERTEXT]: ciphertext },
  }
}

function separate(data: unknown, tree: PathTree | undefined): { readable: unknown; secrets: Secret[] } {
  // What JSON makes of the data, since that is what is written and comes back.
  const written: unknown = JSON.parse(toJson(data))
  if (!tree) return { readable: null, secrets: [[[], written]] }
  const secrets: Secret[] = []
  const readable = replaceAt(written, tree, (value, path) => {
    secrets.push([path, value])
    return MASK
  })
  return { readable, secrets }
}
