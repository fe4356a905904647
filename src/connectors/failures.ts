import { ConnectorError, RedisConnectionError, RedisStreamError } from '../core/connector-errors.ts'
import { errorName, MillraceError } from '../core/errors.ts'
import type { PipelineFailure } from './pipeline-run.ts'

/** Remembers the last failure of a pipeline. */
export class Failures {
  last: PipelineFailure | undefined

  note(error: Error): void {
    this.last = { error: errorName(error), message: error.message, at: Date.now() }
  }
}

const CONNECTION: ReadonlySet<string> = new Set(['CIRCUIT_OPEN', 'REDIS_UNAVAILABLE', 'REDIS_UNCERTAIN'])

/** What Redis said, as an error of a connector. */
export function asConnectorError(error: Error): Error {
  if (!(error instanceof MillraceError) || error instanceof ConnectorError) return error
  const Class = CONNECTION.has(error.code) ? RedisConnectionError : RedisStreamError
  return new Class(error.code, error.message, { cause: error })
}
