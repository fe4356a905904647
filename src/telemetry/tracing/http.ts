import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Tracer,
} from '@opentelemetry/api'
import type { TracedRequest, Tracing } from '../../core/tracing.ts'
import { fail, inSpan } from './span.ts'
import { readTraceContext } from './trace-context.ts'

/** Any other method is somebody's invention, and there is no end to them. */
const METHODS: ReadonlySet<string> = new Set(
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY'.split(' '),
)
const FAULT_OF_OURS = 500

/** Spans of requests, by OpenTelemetry's stable conventions for HTTP; without the query, which may hold secrets. */
export const requestSpans =
  (tracer: Tracer): Tracing['request'] =>
  (request, run) => {
    const caller = readTraceContext(request.header('traceparent'), request.header('tracestate'))
    const parent = caller ? trace.setSpanContext(ROOT_CONTEXT, caller) : ROOT_CONTEXT
    const name = METHODS.has(request.method) ? request.method : 'HTTP'
    const start = { name, kind: SpanKind.SERVER, attributes: attributesOf(request), parent }
    return inSpan(tracer, start, async (span) => {
      const { status, route, error } = await run()
      span.setAttribute('http.response.status_code', status)
      if (route !== undefined) span.setAttribute('http.route', route).updateName(`${name} ${route}`)
      if (status < FAULT_OF_OURS) return
      if (error !== undefined) fail(span, error)
      span.setAttribute('error.type', String(status)).setStatus({ code: SpanStatusCode.ERROR })
    })
  }

function attributesOf({ method, url }: TracedRequest): Attributes {
  const { protocol, hostname, port, pathname } = new URL(url)
  return {
    'http.request.method': METHODS.has(method) ? method : '_OTHER',
    'url.scheme': protocol.slice(0, -1),
    'url.path': pathname,
    'server.address': hostname,
    ...(port !== '' && { 'server.port': Number(port) }),
  }
}
