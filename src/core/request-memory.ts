/** A request that may be sent again, as its caller said by an `Idempotency-Key`. */
export interface RepeatableRequest {
  /** Of who asks, by which route, under which key: the same for each repeat, and for nothing else. */
  readonly key: string
  /** Of what it asks for: another one under the same key is another request. */
  readonly digest: string
}

/** What is known of a request, for whoever wants to run it. */
export type Begun =
  /** It is the caller's to run until it says how that ended, or is not heard of for the lease. */
  | { readonly state: 'begun'; readonly requestId: string }
  | { readonly state: 'running' }
  /** The key was given with another request. */
  | { readonly state: 'different' }
  | { readonly state: 'answered'; readonly answer: string }

/**
 * Remembers requests and their answers, for all instances of a service and through the death of any. Whoever runs one
 * is its owner: where another took it over meanwhile, since nothing was heard of the first, what that one says changes
 * nothing. Errors are those of Redis, as MillraceErrors.
 */
export interface RequestMemory {
  /** @param owner whoever would run it, unique */
  begin(request: RepeatableRequest, owner: string): Promise<Begun>
  /** It runs still. To be said more often than each {@link REQUEST_LEASE_MS}. */
  renew(key: string, owner: string): Promise<void>
  /** Repeats get that answer from now on. */
  finish(key: string, owner: string, answer: string): Promise<void>
  /** It failed: a repeat may run, as the same request. */
  release(key: string, owner: string): Promise<void>
}

/** How long a request counts as running when nothing is heard of whoever runs it. */
export const REQUEST_LEASE_MS = 10_000

/** How what was answered is kept, such as encrypted. */
export interface Seal {
  /** @param bound what it belongs to: it opens with nothing else */
  close(text: string, bound: string): Promise<string>
  open(kept: string, bound: string): Promise<string>
}
