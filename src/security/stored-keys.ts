import { SCOPES, type Scope } from '../core/access.ts'
import type { Operator } from '../core/action-record.ts'
import type {
  ApiKeyChange,
  ApiKeyInfo,
  KeyControl,
  KeyStore,
  NewApiKey,
  StoredKeyItem,
} from '../core/api-keys.ts'
import { InvalidError, MillraceError, toError, type Issue } from '../core/errors.ts'
import type { Log, Service } from '../core/service.ts'
import type { Access } from './access.ts'
import { keyItem, parseKeys, randomKey, type StoredKey } from './api-key.ts'
import { isExpired } from './api-keys.ts'

/** More would make every request with a key that nobody has a long look. */
const MAX_STORED = 500

interface Known {
  readonly key: StoredKey
  readonly stored: StoredKeyItem
}

/** The keys that operators make and take away while a service runs. Known ones are accepted also while the store is away. */
export class StoredKeys implements KeyControl {
  readonly #access: Access
  readonly #log: Log
  #store: KeyStore | undefined
  #watch: Service | undefined
  #version = 0
  #known: ReadonlyMap<string, Known> = new Map()
  /** One after the other, so that what was read later is adopted later. */
  #refreshing: Promise<void> = Promise.resolve()

  constructor(access: Access, log: Log) {
    this.#access = access
    this.#log = log
  }

  /** Accepts what is stored, and follows it from now on. */
  async open(store: KeyStore): Promise<void> {
    this.#store = store
    await this.#refresh()
    this.#watch = store.watch(() => this.#refresh())
    await this.#watch.start()
  }

  async stop(deadlineMs: number): Promise<void> {
    await this.#watch?.stop(deadlineMs)
  }

  async list(): Promise<ApiKeyInfo[]> {
    this.#opened()
    await this.#refresh()
    const configured = this.#access.configured.map((key) => infoOf(key, 'configured'))
    const all = [...configured, ...[...this.#known.values()].map(toInfo)]
    return all.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  }

  async create({ name, scopes, expires }: NewApiKey, operator: Operator) {
    const store = this.#opened()
    const key = randomKey()
    const item = keyItem(key, name, scopes.join('+'), expires)
    const parsed = parse(item)!
    if (isExpired(parsed)) throw isOver(expires!)
    await this.#refresh()
    this.#refuseTwice(name)
    if (this.#access.open && !isAdmin(parsed))
      throw conflict(
        'the first key must have the scope "admin", or nobody could make another: make that one first',
      )
    if (this.#known.size >= MAX_STORED)
      throw conflict(`there are ${MAX_STORED} stored keys already: delete those that nobody uses`)
    const stored = { item, createdAt: new Date().toISOString(), createdBy: operator.actor }
    await store.write(name, stored, operator, this.#version)
    await this.#refresh()
    this.#log.info({ name, scopes, actor: operator.actor }, 'An API key was made')
    return { key, info: toInfo({ key: parsed, stored }) }
  }

  async delete(name: string, { dryRun = false, ...operator }: Operator & { dryRun?: boolean }) {
    const store = this.#opened()
    await this.#refresh()
    const known = this.#known.get(name)
    if (!known) throw this.#unknown(name)
    this.#refuseLast(known.key)
    if (dryRun) return toInfo(known)
    await store.write(name, undefined, operator, this.#version)
    await this.#refresh()
    this.#log.info({ name, actor: operator.actor }, 'An API key was deleted')
    return toInfo(known)
  }

  async changes(): Promise<ApiKeyChange[]> {
    return this.#opened().changes()
  }

  #refuseTwice(name: string): void {
    if (this.#known.has(name))
      throw conflict(`there is a stored key "${name}" already: choose another name, or delete that one first`)
    if (this.#access.configured.some((key) => key.name === name))
      throw conflict(`API_KEYS has a key "${name}": choose another name`)
  }

  /** Without it nobody could make another, since an API that was closed stays so. */
  #refuseLast(leaving: StoredKey): void {
    if (this.#access.takesTokens || !isAdmin(leaving)) return
    const others = [...this.#access.configured, ...[...this.#known.values()].map(({ key }) => key)]
    if (others.some((key) => key !== leaving && isAdmin(key) && !isExpired(key))) return
    throw conflict(
      `"${leaving.name}" is the last key of the scope "admin"; without it nobody could make another: make one first`,
    )
  }

  #unknown(name: string): MillraceError {
    if (this.#access.configured.some((key) => key.name === name))
      return conflict(`"${name}" is configured: take it out of API_KEYS, and send SIGHUP to each instance`)
    return new MillraceError('UNKNOWN_KEY', `there is no key "${name}"; list those that are there`)
  }

  #opened(): KeyStore {
    if (this.#store) return this.#store
    throw new MillraceError('REDIS_UNAVAILABLE', 'the service has no connection to Redis yet; try again soon')
  }

  #refresh(): Promise<void> {
    const refreshed = this.#refreshing.then(async () => {
      const { version, keys } = await this.#store!.read()
      this.#adopt(keys)
      this.#version = version
    })
    this.#refreshing = refreshed.catch(() => {})
    return refreshed
  }

  #adopt(keys: ReadonlyMap<string, StoredKeyItem | undefined>): void {
    const known = [...keys].flatMap(([name, stored]): [string, Known][] => {
      const key = stored && parse(stored.item)
      if (key?.name === name) return [[name, { key, stored: stored! }]]
      this.#log.error({ name }, 'A stored API key can not be read, so it is refused; delete it')
      return []
    })
    try {
      this.#accept(known, keys.size - known.length)
      this.#known = new Map(known)
    } catch (error) {
      // Such as one key under two names. Those from before stay; none would leave open what is to be closed.
      this.#accept([...this.#known], keys.size)
      this.#log.error({ error }, `The stored API keys can not be used: ${toError(error).message}`)
    }
  }

  #accept(known: readonly [string, Known][], unreadable: number): void {
    this.#access.adopt(
      known.map(([, { stored }]) => stored.item),
      { unreadable },
    )
  }
}

function parse(item: string): StoredKey | undefined {
  const issues: Issue[] = []
  const [key] = parseKeys([item], issues)
  return issues.length === 0 ? key : undefined
}

const isAdmin = ({ scopes }: StoredKey): boolean => scopes.has('admin')

const toInfo = ({ key, stored: { createdAt, createdBy } }: Known): ApiKeyInfo => ({
  ...infoOf(key, 'stored'),
  createdAt,
  createdBy,
})

const infoOf = ({ name, scopes, expiresAt }: StoredKey, origin: ApiKeyInfo['origin']): ApiKeyInfo => ({
  name,
  scopes: SCOPES.filter((scope: Scope) => scopes.has(scope)),
  ...(expiresAt !== Infinity && { expiresAt: new Date(expiresAt).toISOString() }),
  origin,
})

/** The first key closes an API that was open: one that nobody can use would lock out everybody. */
const isOver = (expires: string): InvalidError =>
  new InvalidError('CONFIGURATION_INVALID', 'no such key can be made', [
    { path: 'expires', message: `${expires} is over: choose a time to come` },
  ])

const conflict = (message: string) => new MillraceError('KEY_CONFLICT', message)
