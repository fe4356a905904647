import { ConnectorError, RedisConnectionError, RedisStreamError } from '../core/connector-errors.ts'
import { errorName, MillraceError } from '../core/errors.ts'
import type { PipelineObserver } from '../core/sink.ts'
import type { PipelineFailure } from './pipeline-run.ts'

/** Counts the failures of a pipeline, and remembers the last one. */
export class Failures {
  last: PipelineFailure | undefined
  readonly #pipeline: string
  readonly #observer: PipelineObserver | undefined

  constructor(pipeline: string, observer: PipelineObserver | undefined) {
    this.#pipeline = pipeline
    this.#observer = observer
  }

  note(error: Error): void {
    this.last = { error: errorName(error), message: error.message, at: Date.now() }
    this.#observer?.failed(this.#pipeline, errorName(error))
  }
}

const CONNECTION: ReadonlySet<string> = new Set(['CIRCUIT_OPEN', 'REDIS_UNAVAILABLE', 'REDIS_UNCERTAIN'])

/** What Redis said, as an error of a connector. */
export function asConnectorError(error: Error): Error {
  if (!(error instanceof MillraceError) || error instanceof ConnectorError) return error
  const Class = CONNECTION.has(error.code) ? RedisConnectionError : RedisStreamError
  return new Class(error.code, error.message, { cause: error })
}
