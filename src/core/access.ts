/** What a caller may do: look, publish, or mend and configure. `admin` includes the others. */
export type Scope = 'read' | 'publish' | 'admin'

/** Who makes a request. */
export interface Caller {
  /** The name of the key, or the subject of the token: it stands in logs and in records of what was done. */
  readonly name: string
  readonly scopes: ReadonlySet<Scope>
}

/** Finds out who makes a request. */
export interface AccessControl {
  /**
   * @throws MillraceError `UNAUTHENTICATED` without a credential, or with one that is unknown, expired or broken: which of
   *   these it is, the caller is not told
   */
  authenticate(headers: Headers): Promise<Caller>
}

/** Counts the requests of clients. */
export interface RateLimiter {
  /** Counts one request of a client. */
  take(client: string): Promise<RateVerdict>
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
