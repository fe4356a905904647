/** What is put under load. */
export interface LoadTarget {
  /**
   * Sends one request and waits for its answer.
   *
   * @param n which one it is, from 1 on; it may be rendered into what is sent
   * @throws RequestFailure, or any error, where the answer is none or not the one that is wanted
   */
  send(n: number): Promise<void>
  /** Gives up what is under way and closes all connections. */
  close(): Promise<void>
}

/**
 * `status`: an answer, and not the one that is wanted. `timeout`: none in time. `refused`: nobody listens. `unreachable`:
 * no way to the host, or no such host. `reset`: the connection ended before the answer did. `other`: see the code.
 */
export type FailureKind = 'status' | 'timeout' | 'refused' | 'unreachable' | 'reset' | 'other'

/** Why one request failed. Failures of one kind and code are counted together. */
export class RequestFailure extends Error {
  readonly kind: FailureKind
  /** Such as `503` for a status, or the code of an error. */
  readonly code: string | undefined

  constructor(kind: FailureKind, message: string, code?: string) {
    super(message)
    this.name = 'RequestFailure'
    this.kind = kind
    this.code = code
  }
}

const KINDS: Readonly<Record<string, FailureKind>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  // Of a connection that never came to be, or died: nobody answered its packets.
  ETIMEDOUT: 'unreachable',
  REDIS_UNAVAILABLE: 'unreachable',
}

/** Whatever a target threw, as a failure that can be counted. */
export function toFailure(error: Error): RequestFailure {
  if (error instanceof RequestFailure) return error
  const { code } = error as { code?: unknown }
  const name = typeof code === 'string' ? code : error.name
  // The error of a host with several addresses, none of which answers, says nothing.
  return new RequestFailure(KINDS[name] ?? 'other', error.message || name, name)
}
