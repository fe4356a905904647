import { ROOT_CONTEXT, SpanKind, type Link, type Tracer } from '@opentelemetry/api'
import type { Claim } from '../../core/stream-log.ts'
import type { Tracing } from '../../core/tracing.ts'
import { batchCount, messaging } from './messaging.ts'
import { fail, inSpan } from './span.ts'
import { readTraceContext } from './trace-context.ts'

/** Of a claim with more entries, the span would be larger than what it tells of. */
const MAX_LINKS = 128

/** Spans of what comes to consumers. They are of no trace but their own, since what comes together is of many. */
export const receiveSpans =
  (tracer: Tracer): Tracing['receive'] =>
  async (stream, group, claim) => {
    const startTime = Date.now()
    const start = (links: Link[] = [], count: readonly Claim[] = []) =>
      tracer.startSpan(
        `receive ${stream}`,
        {
          kind: SpanKind.CONSUMER,
          startTime,
          links,
          attributes: {
            ...messaging('receive', stream),
            'messaging.consumer.group.name': group,
            ...batchCount(count),
          },
        },
        ROOT_CONTEXT,
      )
    try {
      const claims = await claim()
      // A wait that ends with nothing is what a consumer does most of the time.
      if (claims.length > 0) start(linksOf(claims), claims).end()
      return claims
    } catch (error) {
      const span = start()
      fail(span, error)
      span.end()
      throw error
    }
  }

/** Spans of telling the log how entries ended. */
export const settleSpans =
  (tracer: Tracer): Tracing['settle'] =>
  (stream, group, outcomes, settle) => {
    const attributes = {
      ...messaging('ack', stream),
      'messaging.consumer.group.name': group,
      ...batchCount(outcomes),
    }
    const start = { name: `ack ${stream}`, kind: SpanKind.CLIENT, attributes, parent: ROOT_CONTEXT }
    return inSpan(tracer, start, settle)
  }

function linksOf(claims: readonly Claim[]): Link[] {
  const links: Link[] = []
  for (const { fields } of claims.slice(0, MAX_LINKS)) {
    const context = readTraceContext(valueOf(fields, 'traceparent'), valueOf(fields, 'tracestate'))
    if (context) links.push({ context })
  }
  return links
}

function valueOf(fields: readonly string[], name: string): string | undefined {
  for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return fields[at + 1]
  return undefined
}
