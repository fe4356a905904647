import { hash, randomBytes } from 'node:crypto'
import { SCOPES, type Scope } from '../core/access.ts'
import { InvalidError, type Issue } from '../core/errors.ts'

/** What a key looks like, so that scanners for leaked secrets can find it: `mr_<id>_<32 random bytes in base64url>`. */
const KEY = /^mr_[\da-f]{8}_[\w-]{43}$/
const KEY_START = 'mr_'
const DIGEST = /^[\da-f]{64}$/
/** Also in capitals, or what was left of it when it was copied. */
const DIGEST_LIKE = /[\da-f]{32}/i
/** No space, colon or comma: the name stands in a list, and in lines of logs. */
const NAME = /^[\w.@/-]{1,64}$/
const DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/

/** What is kept of a key: never the key. */
export interface StoredKey {
  readonly name: string
  readonly scopes: ReadonlySet<Scope>
  readonly digest: Buffer
  /** In ms; Infinity for never. */
  readonly expiresAt: number
}

export const startsLikeKey = (text: string): boolean => text.startsWith(KEY_START)

export const digestOfKey = (key: string): Buffer => hash('sha256', key, 'buffer')

/** A new key. Whoever gets it is the only one who has it. */
export const randomKey = (): string =>
  `${KEY_START}${randomBytes(4).toString('hex')}_${randomBytes(32).toString('base64url')}`

/**
 * Writes the item of `API_KEYS` for a key.
 *
 * @param scopes as in `publish+read`
 * @param expires an ISO date (its first moment in UTC) or date-time
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake
 */
export function keyItem(key: string, name: string, scopes: string, expires?: string): string {
  const end = expires === undefined ? '' : `:${expires}`
  const item = `${name}:${scopes}:${digestOfKey(key).toString('hex')}${end}`
  const issues: Issue[] = NAME.test(name) ? [] : [{ path: '--name', message: NAME_WANTED }]
  if (NAME.test(name)) parseKeys([item], issues)
  if (issues.length > 0) throw new InvalidError('CONFIGURATION_INVALID', 'no such key can be made', issues)
  return item
}

const NAME_WANTED = 'wanted: 1 to 64 letters, digits, and any of . _ @ / -'

/** Reads items of the form `name:scopes:digest[:expires]`; what is wrong with them goes to `issues`. */
export function parseKeys(items: readonly string[], issues: Issue[]): StoredKey[] {
  const keys = items.map((item, index) => parseKey(item, index + 1, issues))
  const seen = new Map<string, number>()
  for (const [index, { digest }] of keys.entries()) {
    const text = digest.toString('hex')
    const first = seen.get(text)
    if (first !== undefined && text !== '')
      issues.push({ path: 'API_KEYS', message: `items ${first} and ${index + 1} are of the same key` })
    seen.set(text, first ?? index + 1)
  }
  return keys
}

function parseKey(item: string, number: number, issues: Issue[]): StoredKey {
  const [name = '', scopes = '', digest = '', ...rest] = item.split(':')
  const expires = rest.join(':')
  const where = `item ${number} (${shownOf(item, name, digest)})`
  const wrong = (message: string) => void issues.push({ path: 'API_KEYS', message: `${where} ${message}` })
  if (!NAME.test(name)) wrong(`has no proper name; ${NAME_WANTED}`)
  const words = scopes.split('+')
  if (!words.every((word) => SCOPES.some((scope) => scope === word)))
    wrong(`has no proper scopes; wanted: any of ${SCOPES.join(', ')}, with + between them`)
  if (item.split(':').some((part) => KEY.test(part)))
    wrong('holds a key itself, which is known to others now: make a new one with `millrace key create`')
  else if (!DIGEST.test(digest))
    wrong('has no proper digest; wanted: SHA-256 of the key, 64 digits from 0 to f')
  const expiresAt = rest.length === 0 ? Infinity : timeOf(expires)
  if (Number.isNaN(expiresAt))
    wrong('has no proper expiry; wanted: a date such as 2027-01-01, or a date-time with its zone')
  return { name, scopes: new Set(words as Scope[]), digest: Buffer.from(digest, 'hex'), expiresAt }
}

/**
 * Only before a proper digest a name is a name for certain: what is not of the form of an item may be a key or a password,
 * and nothing but its length is shown.
 */
function shownOf(item: string, name: string, digest: string): string {
  const isName = NAME.test(name) && !startsLikeKey(name) && !DIGEST_LIKE.test(name)
  return isName && DIGEST.test(digest) ? name : `${item.length} characters`
}

function timeOf(text: string): number {
  if (!DATE.test(text)) return NaN
  const time = Date.parse(text)
  // JavaScript takes February 30 for March 2.
  const isDay = new Date(`${text.slice(0, 10)}T00:00Z`).toJSON()?.startsWith(text.slice(0, 10)) === true
  return isDay ? time : NaN
}
