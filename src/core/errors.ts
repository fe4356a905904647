/** What can go wrong, as codes that a program can branch on. A message says what to do about it. */
export type ErrorCode =
  | 'BACKUP_INVALID'
  | 'CIRCUIT_OPEN'
  | 'CLOSED'
  | 'CONFIGURATION_INVALID'
  | 'CONFIRMATION_REQUIRED'
  | 'CONSUMER_BUSY'
  | 'ENCRYPTION_KEY_UNKNOWN'
  | 'ENGINE_LOCKED'
  | 'ENGINE_START_FAILED'
  | 'ENGINE_UNAVAILABLE'
  | 'EVENT_FILTERED'
  | 'EVENT_INVALID'
  | 'EVENT_REFUSED'
  | 'EVENT_TOO_LARGE'
  | 'EVENT_UNDECODABLE'
  | 'FORBIDDEN'
  | 'GROUP_BUSY'
  | 'GROUP_FOREIGN'
  | 'HANDLER_DIED'
  | 'HANDLER_TIMEOUT'
  | 'IDEMPOTENCY_CONFLICT'
  | 'JOB_CONFLICT'
  | 'KEY_CONFLICT'
  | 'NAME_INVALID'
  | 'PUBLISH_FAILED'
  | 'PUBLISH_NOT_REPLICATED'
  | 'PUBLISH_QUEUE_FULL'
  | 'PUBLISH_UNCERTAIN'
  | 'REDIS_REFUSED'
  | 'REDIS_UNCERTAIN'
  | 'REDIS_UNAVAILABLE'
  | 'REDIS_UNSUITABLE'
  | 'REPLAY_CONFLICT'
  | 'RESTORE_CONFLICT'
  | 'RPC_BUSY'
  | 'RPC_CANCELLED'
  | 'RPC_FAILED'
  | 'RPC_INTERRUPTED'
  | 'RPC_QUORUM_MISSED'
  | 'RPC_TIMEOUT'
  | 'RPC_UNAVAILABLE'
  | 'DATABASE_UNAVAILABLE'
  | 'SETTING_CONFLICT'
  | 'SETTING_INVALID'
  | 'SINK_REFUSED'
  | 'SINK_THROTTLED'
  | 'SINK_UNAVAILABLE'
  | 'SOURCE_UNAVAILABLE'
  | 'TOKEN_KEYS_UNAVAILABLE'
  | 'TOO_MANY_STREAMS'
  | 'TRANSACTION_ENDED'
  | 'TRANSACTION_ROLLED_BACK'
  | 'UNAUTHENTICATED'
  | 'UNKNOWN_CONSUMER'
  | 'UNKNOWN_DEAD_LETTER'
  | 'UNKNOWN_GROUP'
  | 'UNKNOWN_JOB'
  | 'UNKNOWN_KEY'
  | 'UNKNOWN_PIPELINE'
  | 'UNKNOWN_STREAM'
  | 'VERSION_UNKNOWN'

/** The base of every error that Millrace raises on purpose: `code` to branch on, `cause` for what lies under it. */
export class MillraceError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/** One field at fault: `path` as in `data.user.email`, or `''` for the value as a whole. */
export interface Issue {
  path: string
  message: string
}

/** Input that breaks a rule: an event against its schema, a configuration, a name. Lists every field at fault. */
export class InvalidError extends MillraceError {
  readonly issues: readonly Issue[]

  constructor(code: ErrorCode, message: string, issues: readonly Issue[] = [], options?: ErrorOptions) {
    const detail = issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ')
    super(code, detail ? `${message}: ${detail}` : message, options)
    this.issues = issues
  }
}

/** Some entries of one publish were written and others not: `results` says which, in the order given. */
export class PublishError extends MillraceError {
  readonly results: readonly (string | MillraceError)[]

  constructor(results: readonly (string | MillraceError)[]) {
    const failures = results.filter((result) => typeof result !== 'string')
    const [first] = failures
    super(
      'PUBLISH_FAILED',
      `${failures.length} of ${results.length} events were not published: ${first?.message}`,
      {
        cause: first,
      },
    )
    this.results = results
  }
}

/**
 * What `read` answers. What it throws is added to the issues instead: one by one where it lists them, else as one at
 * `path`. Undefined then.
 */
export function collectIssues<T>(issues: Issue[], read: () => T, path = ''): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof InvalidError && error.issues.length > 0) issues.push(...error.issues)
    else issues.push({ path, message: toError(error).message })
    return undefined
  }
}

/** Low in cardinality: a code where there is one, else the class. */
export function errorName(error: Error): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : String(error.name)
}

/** Whatever was thrown, as an Error: handlers may throw anything, also `undefined`. */
export function toError(thrown: unknown): Error {
  try {
    if (thrown instanceof Error) {
      // Whoever has an error reads this: better it fails here.
      void thrown.message
      return thrown
    }
    return new Error(
      typeof thrown === 'string' ? thrown : `thrown: ${JSON.stringify(thrown) ?? String(thrown)}`,
    )
  } catch {
    return new Error('thrown: a value that cannot be shown')
  }
}
