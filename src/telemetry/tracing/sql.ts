import { SpanKind, type Tracer } from '@opentelemetry/api'
import type { Tracing } from '../../core/tracing.ts'
import { inSpan } from './span.ts'

/** Spans of what PostgreSQL is asked, by OpenTelemetry's conventions for databases: neither statement nor values. */
export const querySpans =
  (tracer: Tracer): Tracing['query'] =>
  (operation, table, run) => {
    const attributes = {
      'db.system.name': 'postgresql',
      'db.operation.name': operation,
      'db.collection.name': table,
    }
    return inSpan(tracer, { name: `${operation} ${table}`, kind: SpanKind.CLIENT, attributes }, run)
  }
