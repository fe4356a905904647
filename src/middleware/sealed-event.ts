import { MillraceError, toError } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import { DATA_VERSION } from '../core/versioned.ts'

/** The headers of an encrypted event: how it was encrypted, and what. */
export const ENCRYPTION = 'encryption'
export const CIPHERTEXT = 'ciphertext'

/** What the header `encryption` says, as JSON. All of it is bound to the ciphertext. */
export interface Encryption {
  readonly algorithm: string
  /** The id of the key. */
  readonly key: string
  /** 96 bits in base64. */
  readonly iv: string
  /** The stream that it was published to; copies of it may stand elsewhere. */
  readonly stream: string
  /** The publisher's own id of the event; where there is none, no id is bound. */
  readonly id?: string
}

/** @throws MillraceError `EVENT_UNDECODABLE` for what nobody of ours wrote */
export function readEncryption(text: string): Encryption {
  try {
    const parsed = JSON.parse(text) as Encryption
    const { algorithm, key, iv, stream, id = '' } = parsed
    for (const value of [algorithm, key, iv, stream, id])
      if (typeof value !== 'string') throw new TypeError('it lacks a text where one belongs')
    return parsed
  } catch (cause) {
    const message = `the header "${ENCRYPTION}" can't be read: ${toError(cause).message}`
    throw new MillraceError('EVENT_UNDECODABLE', message, { cause })
  }
}

/** What a ciphertext belongs to, as one text that can't be read in two ways. */
export const boundText = (encryption: string, event: NewEvent, readable: string): string =>
  JSON.stringify([encryption, event.type, event.key ?? null, event.headers?.[DATA_VERSION] ?? null, readable])
