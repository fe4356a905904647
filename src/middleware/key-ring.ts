import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { InvalidError, MillraceError, toError, type Issue } from '../core/errors.ts'
import { redactText } from '../core/redact.ts'

/** Keys by their ids, each 32 bytes or the base64 of them; `current` names the one that encrypts. */
export interface Keys {
  current: string
  keys: Readonly<Record<string, Uint8Array | string>>
}

/** Loads the keys from wherever they are kept. Called again from time to time, so that a rotation arrives. */
export type KeyProvider = () => Promise<Keys> | Keys

export interface KeyRingOptions {
  /** How old loaded keys get before they are loaded again, in ms (60000). So long may a rotation take to arrive. */
  refreshMs?: number
  /** How long loading may take, in ms (5000). */
  timeoutMs?: number
}

/** A key under its id, and one made from it, so that no key serves two purposes. */
export interface Key {
  readonly id: string
  readonly secret: KeyObject
  readonly ivSecret: KeyObject
}

export interface KeyRing {
  /**
   * The key that encrypts.
   *
   * @throws MillraceError `ENCRYPTION_KEY_UNKNOWN` while none could be loaded
   */
  current(): Promise<Key>
  /** The key of this id; undefined where there is none, also after loading the keys once more. */
  find(id: string): Promise<Key | undefined>
}

interface Loaded {
  readonly current: Key
  readonly byId: ReadonlyMap<string, Key>
}

const KEY_BYTES = 32
const MAX_ID_LENGTH = 128
/** An id that nobody has, from whoever can write to a stream, must not call the provider for each event. */
const MIN_RELOAD_MS = 1_000

/**
 * Keys for {@link encrypt} and {@link decrypt}, given at once or loaded by a function. To rotate: add the new key
 * everywhere, then make it `current` everywhere, and keep the old one for as long as there are events, dead letters
 * and backups under it. One key serves for 4 billion events (2^32), as random IVs of 96 bits allow; rotate before.
 *
 * Keys that were loaded stay in use when loading them again fails.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with everything that is wrong with the keys, and never a key
 *
 * @example
 * const ring = keyRing({ current: 'k2', keys: { k1: process.env.K1, k2: process.env.K2 } })
 * const loaded = keyRing(async () => JSON.parse(await readFile('/run/secrets/keys.json', 'utf8')))
 */
export function keyRing(source: Keys | KeyProvider, options: KeyRingOptions = {}): KeyRing {
  checkOptions(options)
  return typeof source === 'function' ? new LoadedRing(source, options) : new FixedRing(readKeys(source))
}

class FixedRing implements KeyRing {
  readonly #keys: Loaded

  constructor(keys: Loaded) {
    this.#keys = keys
  }

  async current(): Promise<Key> {
    return this.#keys.current
  }

  async find(id: string): Promise<Key | undefined> {
    return this.#keys.byId.get(id)
  }
}

class LoadedRing implements KeyRing {
  readonly #load: KeyProvider
  readonly #refreshMs: number
  readonly #timeoutMs: number
  #keys: Loaded | undefined
  #triedAt = Number.NEGATIVE_INFINITY
  #loading: Promise<void> | undefined
  #failure: Error | undefined

  constructor(load: KeyProvider, { refreshMs = 60_000, timeoutMs = 5_000 }: KeyRingOptions) {
    this.#load = load
    this.#refreshMs = refreshMs
    this.#timeoutMs = timeoutMs
  }

  async current(): Promise<Key> {
    await this.#refresh(this.#keys !== undefined)
    if (this.#keys) return this.#keys.current
    throw this.#unavailable()
  }

  async find(id: string): Promise<Key | undefined> {
    await this.#refresh(this.#keys?.byId.has(id) === true)
    return this.#keys?.byId.get(id)
  }

  /**
   * Loads the keys if that is due. Never fails. Whoever has a key goes on with it meanwhile, so that a provider which
   * hangs holds nobody up.
   */
  async #refresh(hasKey: boolean): Promise<void> {
    const age = performance.now() - this.#triedAt
    if (!this.#loading && age >= (hasKey ? this.#refreshMs : MIN_RELOAD_MS)) {
      this.#triedAt = performance.now()
      this.#loading = this.#reload().finally(() => (this.#loading = undefined))
    }
    if (!hasKey) await this.#loading
  }

  async #reload(): Promise<void> {
    try {
      this.#keys = readKeys(await within(this.#timeoutMs, async () => this.#load()))
      this.#failure = undefined
    } catch (error) {
      this.#failure = toError(error)
    }
  }

  #unavailable(): MillraceError {
    const reason = redactText(this.#failure?.message ?? 'they are not loaded yet')
    const options = this.#failure && { cause: this.#failure }
    return new MillraceError('ENCRYPTION_KEY_UNKNOWN', `the keys can't be loaded: ${reason}`, options)
  }
}

async function within<T>(ms: number, run: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`loading takes longer than ${ms} ms`)), ms)
  })
  return Promise.race([run(), late]).finally(() => clearTimeout(timer))
}

function readKeys(source: Keys): Loaded {
  const { current, keys } = (source ?? {}) as Partial<Keys>
  const issues: Issue[] = []
  const byId = new Map<string, Key>()
  for (const [id, secret] of Object.entries(keys ?? {})) {
    const bytes = typeof secret === 'string' ? Buffer.from(secret, 'base64') : secret
    if (id === '' || id.length > MAX_ID_LENGTH)
      issues.push({ path: 'keys', message: `an id has 1 to ${MAX_ID_LENGTH} characters` })
    else if (!(bytes instanceof Uint8Array) || bytes.length !== KEY_BYTES)
      issues.push({ path: `keys.${id}`, message: `must be ${KEY_BYTES} bytes, or the base64 of them` })
    else byId.set(id, toKey(id, bytes))
  }
  const key = typeof current === 'string' ? byId.get(current) : undefined
  if (!key) issues.push({ path: 'current', message: 'must be the id of one of the keys' })
  if (!key || issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the keys of the ring can not be used', issues)
  return { current: key, byId }
}

const toKey = (id: string, bytes: Uint8Array): Key => ({
  id,
  secret: createSecretKey(bytes),
  ivSecret: createSecretKey(createHmac('sha256', bytes).update('millrace iv').digest()),
})

function checkOptions(options: KeyRingOptions): void {
  const issues: Issue[] = []
  for (const name of ['refreshMs', 'timeoutMs'] as const) {
    const value = options[name]
    if (value !== undefined && !(Number.isFinite(value) && value > 0))
      issues.push({ path: name, message: `must be a number of ms above 0, not ${value}` })
  }
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the keys can not be loaded like this', issues)
}
