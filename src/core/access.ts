/** What a caller may do: look, publish, or mend and configure. `admin` includes the others. */
export type Scope = 'read' | 'publish' | 'admin'

export const SCOPES: readonly Scope[] = ['read', 'publish', 'admin']

/** Who makes a request. */
export interface Caller {
  /** The name of the key, or the subject of the token: it stands in logs and in records of what was done. */
  readonly name: string
  readonly scopes: ReadonlySet<Scope>
}

export const may = ({ scopes }: Caller, scope: Scope): boolean => scopes.has(scope) || scopes.has('admin')

/** Finds out who makes a request. */
export interface AccessControl {
  /** Whether everybody may do everything, since nothing says who may what. */
  readonly open: boolean
  /**
   * Answers undefined where the request carries no credential.
   *
   * @throws MillraceError `UNAUTHENTICATED` for a credential that is unknown, expired or broken: which of these it is, the
   *   caller is not told. `TOKEN_KEYS_UNAVAILABLE` for a token that can't be checked now
   */
  authenticate(headers: Headers): Promise<Caller | undefined>
}

/** Counts the requests of clients. */
export interface RateLimiter {
  /** Counts one request of a client, as `weight` of them. Answers undefined while there is no limit. Never rejects. */
  take(client: string, weight?: number): Promise<RateVerdict | undefined>
}

/** How many requests a client may make in a time. */
export interface ClientRate {
  readonly max: number
  readonly windowMs: number
}

export interface RateVerdict {
  readonly allowed: boolean
  /** How many requests there may be in `windowSeconds`. */
  readonly limit: number
  readonly windowSeconds: number
  /** How many more there may be now. */
  readonly remaining: number
  /** Until the window begins anew. */
  readonly resetSeconds: number
}
