import { MillraceError, type ErrorCode, type Issue } from './errors.ts'

/** The base of what goes wrong between a stream and what lies outside. */
export class ConnectorError extends MillraceError {}

/** Redis can't be reached, or did not answer. */
export class RedisConnectionError extends ConnectorError {}

/** Redis answered, and a stream or a group can't be used. */
export class RedisStreamError extends ConnectorError {}

/** What is set up can't work: it is tried again only when somebody has mended it. Lists every mistake. */
export class ConfigurationError extends ConnectorError {
  readonly issues: readonly Issue[]

  constructor(message: string, issues: readonly Issue[] = [], options?: ErrorOptions) {
    const detail = issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ')
    super('CONFIGURATION_INVALID', detail ? `${message}: ${detail}` : message, options)
    this.issues = issues
  }
}

/** One event that a sink will never take, as it is: it goes to the dead letters. */
export class MessageProcessingError extends ConnectorError {
  declare readonly code: Extract<ErrorCode, 'EVENT_REFUSED' | 'EVENT_TOO_LARGE'>
}

/**
 * - `SINK_UNAVAILABLE`: it is not there, or full; `SINK_THROTTLED`: it wants less. No event is to blame: all are written
 *   again, however often, and no attempt is spent.
 * - `SINK_REFUSED`: something among what it got is at fault, and it does not say what.
 */
export type SinkErrorCode = Extract<ErrorCode, 'SINK_UNAVAILABLE' | 'SINK_THROTTLED' | 'SINK_REFUSED'>

export interface SinkErrorOptions extends ErrorOptions {
  /**
   * When the sink wants to be asked again, in ms from now; with `SINK_THROTTLED` and `SINK_UNAVAILABLE`. The pauses between
   * failures in a row get longer all the same.
   */
  retryAfterMs?: number
}

/** A sink could not write. */
export class SinkError extends ConnectorError {
  declare readonly code: SinkErrorCode
  readonly retryAfterMs: number | undefined

  constructor(code: SinkErrorCode, message: string, options: SinkErrorOptions = {}) {
    super(code, message, options)
    this.retryAfterMs = options.retryAfterMs
  }
}

/** Azure Event Hubs could not write; `cause` is what its client said. */
export class EventHubsError extends SinkError {}
