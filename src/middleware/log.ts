import type { Delivery, Middleware } from '../core/delivery.ts'
import { toError } from '../core/errors.ts'
import type { Log } from '../core/service.ts'

export interface LogOptions {
  /** Where the lines go; a pino logger fits. */
  log: Log
  /** How important the start and the end of a handler are (`debug`). A failure is always a `warn`. */
  level?: 'debug' | 'info'
}

/**
 * Says when a handler starts, ends and fails, with how long it took. The data of an event, which may be secret, is
 * never in it; what an error says is.
 *
 * @example
 * log({ log: logger.for('mailer'), level: 'info' })
 */
export function log({ log, level = 'debug' }: LogOptions): Middleware {
  return (next) => async (delivery) => {
    const fields = fieldsOf(delivery)
    const start = performance.now()
    const durationMs = () => Math.round((performance.now() - start) * 10) / 10
    log[level](fields, 'a handler starts')
    try {
      await next(delivery)
    } catch (thrown) {
      log.warn({ ...fields, durationMs: durationMs(), error: toError(thrown) }, 'a handler failed')
      throw thrown
    }
    log[level]({ ...fields, durationMs: durationMs() }, 'a handler ended')
  }
}

const fieldsOf = ({ event: { id, type }, stream, group, position, attempt }: Delivery) => ({
  stream,
  group,
  position,
  attempt,
  type,
  id,
})
