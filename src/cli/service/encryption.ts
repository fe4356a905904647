import { InvalidError, type Issue } from '../../core/errors.ts'
import { keyRing, type Key, type KeyRing } from '../../middleware/key-ring.ts'

/** The keys that encrypt what the service publishes, and decrypt what it delivers. They can be replaced while it runs. */
export class ServiceKeyRing implements KeyRing {
  #ring: KeyRing

  /** @throws InvalidError `CONFIGURATION_INVALID` with every item that is wrong, and never a key */
  constructor(items: readonly string[]) {
    this.#ring = ringOf(items)
  }

  /** From now on these keys count, all of them or, where one is wrong, none. */
  replace(items: readonly string[]): void {
    this.#ring = ringOf(items)
  }

  current(): Promise<Key> {
    return this.#ring.current()
  }

  find(id: string): Promise<Key | undefined> {
    return this.#ring.find(id)
  }
}

/** Undefined where no key is configured: then nothing is encrypted. */
export const serviceKeyRing = (items: readonly string[]): ServiceKeyRing | undefined =>
  items.length === 0 ? undefined : new ServiceKeyRing(items)

const VARIABLE = 'ENCRYPTION_KEYS'
/** Short enough that no key is taken for an id, and then shown. */
const ID = /^[\w.-]{1,32}$/
/** 32 bytes. Buffer would pass over what is no base64. */
const SECRET = /^[\w+/-]{43}=?$/

function ringOf(items: readonly string[]): KeyRing {
  const issues: Issue[] = []
  const keys = new Map<string, string>()
  for (const [index, item] of items.entries()) {
    // Without a colon it may be the key alone.
    const [id = '', secret = ''] = item.includes(':') ? item.split(/:(.*)/s) : []
    const mistake = mistakeIn(id, secret, keys)
    if (mistake) issues.push({ path: VARIABLE, message: `item ${index + 1}${mistake}` })
    keys.set(id, secret)
  }
  if (items.length === 0) issues.push({ path: VARIABLE, message: 'holds no key' })
  if (issues.length > 0)
    throw new InvalidError('CONFIGURATION_INVALID', 'the keys for data at rest can not be used', issues)
  return keyRing({ current: keys.keys().next().value!, keys: Object.fromEntries(keys) })
}

function mistakeIn(id: string, secret: string, keys: ReadonlyMap<string, string>): string | undefined {
  if (!ID.test(id))
    return ' does not begin with an id; wanted: id:base64, the id of 1 to 32 letters, digits, dots, - and _'
  if (!SECRET.test(secret)) return ` ("${id}") holds no key; wanted: the base64 of 32 bytes behind the colon`
  if (keys.has(id)) return ` ("${id}") has the id of another item; wanted: each id once`
  return undefined
}
