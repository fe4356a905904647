import { toJson } from '../core/codec.ts'
import type { Middleware } from '../core/delivery.ts'
import { InvalidError, MillraceError } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import { NotYet } from '../core/not-yet.ts'
import { ALGORITHM, decryptText } from './cipher.ts'
import type { Secret } from './encrypt.ts'
import type { KeyRing } from './key-ring.ts'
import { boundText, CIPHERTEXT, ENCRYPTION, readEncryption, type Encryption } from './sealed-event.ts'
import { changeEvent, withEvent } from '../core/with-event.ts'

export interface DecryptOptions {
  /**
   * Streams whose events are accepted (the one that is consumed). Name the original here where copies of its events
   * are consumed, as from a dead-letter stream or from another stream that they were replayed to.
   */
  from?: readonly string[]
  /**
   * Lets events pass that are not encrypted (false). For the time in which a stream holds both: until then whoever can
   * write to the stream can write what was not encrypted by you.
   */
  allowPlaintext?: boolean
}

/**
 * Decrypts what {@link encrypt} wrote, before anything that reads the data: schemas and handlers come after it. The
 * entry stays as it is, and with it the dead letter and the audit trail.
 *
 * A key that the ring does not have is waited for by retries (`ENCRYPTION_KEY_UNKNOWN`), since a rotation may not
 * have reached it. What was changed, moved here from another event or stream, or is not encrypted where that is not
 * allowed, goes to the dead letters.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` for `from` without a name
 *
 * @example
 * bus.consume(users, { group: 'mailer', middleware: [decrypt(ring)] }, handlers)
 */
export function decrypt(ring: KeyRing, { from, allowPlaintext = false }: DecryptOptions = {}): Middleware {
  if (from && (!Array.isArray(from) || from.length === 0))
    throw new InvalidError('CONFIGURATION_INVALID', 'decrypt can not run like this', [
      { path: 'from', message: 'must name at least one stream, or be left out' },
    ])
  return (next) => async (delivery) => {
    const { event, stream, attempt } = delivery
    const open = await decryptEvent(ring, event, { from: from ?? [stream], allowPlaintext, attempt })
    await next(open === event ? delivery : withEvent(delivery, open))
  }
}

/**
 * The same for one event, outside of any delivery: the event decrypted, or itself where it was not encrypted.
 *
 * @throws MillraceError `EVENT_UNDECODABLE`, `EVENT_INVALID`, or `ENCRYPTION_KEY_UNKNOWN` for a key that may yet come
 */
export async function decryptEvent(
  ring: KeyRing,
  event: Event,
  {
    from,
    allowPlaintext = false,
    attempt = 1,
  }: DecryptOptions & { from: readonly string[]; attempt?: number },
): Promise<Event> {
  const written = event.headers[ENCRYPTION]
  if (written === undefined && allowPlaintext) return event
  if (written === undefined)
    throw new MillraceError(
      'EVENT_INVALID',
      `${event.type} is not encrypted, and decrypt lets nothing pass that is not, unless allowPlaintext is true`,
    )
  const encryption = readEncryption(written)
  checkOrigin(encryption, event, from)
  return open(ring, encryption, event, attempt)
}

/** Bound to the ciphertext, so what stands in the header is what was encrypted or nothing opens. */
function checkOrigin({ stream, id }: Encryption, event: Event, from: readonly string[]): void {
  if (!from.includes(stream)) {
    const message = `the event was encrypted for the stream ${JSON.stringify(stream)}, and is accepted from ${from.join(', ')} alone; name the stream in "from" to accept copies`
    throw new MillraceError('EVENT_UNDECODABLE', message)
  }
  if (id !== undefined && id !== event.id)
    throw new MillraceError('EVENT_UNDECODABLE', `the event was encrypted under another id than ${event.id}`)
}

async function open(
  ring: KeyRing,
  { algorithm, key: id, iv }: Encryption,
  event: Event,
  attempt: number,
): Promise<Event> {
  const key = algorithm === ALGORITHM ? await ring.find(id) : undefined
  if (!key)
    throw new NotYet(
      'ENCRYPTION_KEY_UNKNOWN',
      attempt,
      `the event was encrypted by ${JSON.stringify(algorithm)} under the key ${JSON.stringify(id)}, which is not in the ring; add the key, then redrive what became a dead letter`,
    )
  const { [ENCRYPTION]: encryption = '', [CIPHERTEXT]: ciphertext = '', ...others } = event.headers
  const readable = toJson(event.data)
  const bound = boundText(encryption, event, readable)
  const secrets = JSON.parse(decryptText(key, Buffer.from(iv, 'base64'), ciphertext, bound)) as Secret[]
  const headers = Object.assign(Object.create(null) as Record<string, string>, others)
  return changeEvent(event, { data: restore(readable, secrets), headers })
}

type Holder = Record<string, unknown>

/** The data with every secret in its place. What stands in for it there was bound, so each path leads to own members. */
function restore(readable: string, secrets: readonly Secret[]): unknown {
  const root: Holder = { data: JSON.parse(readable) }
  for (const [path, value] of secrets) {
    const names = ['data', ...path]
    const last = names.pop()!
    const holder = names.reduce((at, name) => at[name] as Holder, root)
    holder[last] = value
  }
  return root['data']
}
