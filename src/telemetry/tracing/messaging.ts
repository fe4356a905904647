import {
  context,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  type Attributes,
  type Context,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api'
import type { Delivery } from '../../core/delivery.ts'
import { MillraceError } from '../../core/errors.ts'
import type { NewEvent } from '../../core/event.ts'
import type { NewEntry } from '../../core/stream-log.ts'
import type { Tracing } from '../../core/tracing.ts'
import { fail, inSpan } from './span.ts'
import { readTraceContext, traceFields } from './trace-context.ts'

/** Spans of publishing, by OpenTelemetry's conventions for messaging. */
export const sendSpans =
  (tracer: Tracer): Tracing['send'] =>
  (stream, entries, append) => {
    const attributes = { ...messaging('send', stream), ...batchCount(entries) }
    const start = { name: `send ${stream}`, kind: SpanKind.PRODUCER, attributes }
    return inSpan(tracer, start, async (span) => {
      const carried = traceFields(context.active())
      const results = await append(entries.map((entry) => withFields(entry, carried)))
      const failure = results.find((result) => result instanceof MillraceError)
      if (failure) fail(span, failure)
      else if (results.length === 1) span.setAttribute('messaging.message.id', results[0] as string)
      return results
    })
  }

function withFields(entry: NewEntry, carried: readonly string[]): NewEntry {
  const { fields } = entry
  if (carried.length === 0 || fields.some((name, index) => index % 2 === 0 && name === 'traceparent'))
    return entry
  return { ...entry, fields: [...fields, ...carried] }
}

/** See {@link Tracing.carry}. */
export function carry(event: NewEvent): NewEvent {
  if (event.headers?.['traceparent'] !== undefined) return event
  const [, traceparent, , tracestate] = traceFields(context.active())
  if (traceparent === undefined) return event
  const headers = { ...event.headers, traceparent, ...(tracestate !== undefined && { tracestate }) }
  return { ...event, headers }
}

/**
 * Spans of handlers. Each links to what published the events. Of one event it is also the child, so that one trace
 * shows all that came of a request; not where the event was redriven or replayed, since that trace may be over for days.
 */
export const processSpans =
  (tracer: Tracer): Tracing['process'] =>
  (deliveries, run) => {
    const producers = deliveries.map(({ event: { headers } }) =>
      readTraceContext(headers['traceparent'], headers['tracestate']),
    )
    const links = producers.filter((producer) => producer !== undefined).map((context) => ({ context }))
    const [{ stream }] = deliveries
    const attributes = processAttributes(deliveries)
    const parent = parentOf(deliveries, producers)
    const start = { name: `process ${stream}`, kind: SpanKind.CONSUMER, attributes, links, parent }
    return inSpan(tracer, start, run)
  }

function processAttributes(deliveries: readonly [Delivery, ...Delivery[]]): Attributes {
  const [{ stream, group, position, attempt }, ...others] = deliveries
  return {
    ...messaging('process', stream),
    'messaging.consumer.group.name': group,
    ...(others.length > 0
      ? batchCount(deliveries)
      : { 'messaging.message.id': position, 'millrace.attempt': attempt }),
  }
}

function parentOf(deliveries: readonly Delivery[], producers: readonly (SpanContext | undefined)[]): Context {
  const [producer] = producers
  if (deliveries.length > 1 || deliveries[0]!.copyOf || !producer) return ROOT_CONTEXT
  return trace.setSpanContext(ROOT_CONTEXT, producer)
}

const TYPES = { send: 'send', receive: 'receive', process: 'process', ack: 'settle' } as const

export const messaging = (operation: keyof typeof TYPES, stream: string): Attributes => ({
  'messaging.system': 'redis',
  'messaging.operation.name': operation,
  'messaging.operation.type': TYPES[operation],
  'messaging.destination.name': stream,
})

export const batchCount = ({ length }: readonly unknown[]): Attributes =>
  length === 1 ? {} : { 'messaging.batch.message_count': length }
