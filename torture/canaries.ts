import { createHash } from 'node:crypto'

/** Secrets of this run alone. None of them may be read in any log. */
export interface Canaries {
  readonly redisPassword: string
  readonly databasePassword: string
  /** In a field of payloads that is encrypted. */
  readonly payload: string
  /** The key of that encryption, as base64. */
  readonly encryptionKey: string
}

export function canariesOf(seed: number): Canaries {
  const bytes = (what: string) => createHash('sha256').update(`${seed} ${what}`).digest()
  const word = (what: string) => `canary${bytes(what).toString('hex').slice(0, 24)}`
  return {
    redisPassword: word('redis'),
    databasePassword: word('database'),
    payload: word('payload'),
    encryptionKey: bytes('key').toString('base64'),
  }
}
