import { trace } from '@opentelemetry/api'
import type { Tracing } from '../../core/tracing.ts'
import { requestSpans } from './http.ts'
import { receiveSpans, settleSpans } from './consuming.ts'
import { carry, processSpans, sendSpans } from './messaging.ts'
import { querySpans } from './sql.ts'

/**
 * Spans by the API of OpenTelemetry, for the SDK that the process was started with; without one they go nowhere. For
 * `connect`, `openPostgres` and the middleware `trace`.
 *
 * @example
 * const tracing = openTelemetry()
 * const bus = await connect({ url: 'redis://localhost:6379', tracing })
 * const postgres = await openPostgres({ url: process.env.DATABASE_URL, tracing })
 */
export function openTelemetry(): Tracing {
  const tracer = trace.getTracer('millrace')
  return {
    send: sendSpans(tracer),
    carry,
    receive: receiveSpans(tracer),
    process: processSpans(tracer),
    settle: settleSpans(tracer),
    query: querySpans(tracer),
    request: requestSpans(tracer),
  }
}
