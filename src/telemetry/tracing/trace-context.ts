import {
  createTraceState,
  isSpanContextValid,
  trace,
  TraceFlags,
  type Context,
  type SpanContext,
} from '@opentelemetry/api'

/** W3C Trace Context, whatever propagator the SDK was given: this is how it stands in entries. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
/** By the standard, what has to travel at least; more of it would make every entry larger. */
const MAX_TRACESTATE_LENGTH = 512

/** What a `traceparent` says, if it is one; anybody may have written it. */
export function readTraceContext(traceparent?: string, tracestate?: string): SpanContext | undefined {
  const [, version, traceId = '', spanId = '', flags = '00', more] = TRACEPARENT.exec(traceparent ?? '') ?? []
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined
  const sampled = Number.parseInt(flags, 16) & TraceFlags.SAMPLED
  const context = { traceId, spanId, traceFlags: sampled, isRemote: true, ...traceStateOf(tracestate) }
  return isSpanContextValid(context) ? context : undefined
}

const traceStateOf = (text: string | undefined) =>
  text !== undefined && text !== '' && text.length <= MAX_TRACESTATE_LENGTH
    ? { traceState: createTraceState(text) }
    : {}

/** The fields that carry the span of a context: names and values in turn; none where there is no span. */
export function traceFields(context: Context): readonly string[] {
  const span = trace.getSpanContext(context)
  if (!span || !isSpanContextValid(span)) return []
  const { traceId, spanId, traceFlags, traceState } = span
  const flags = (traceFlags & TraceFlags.SAMPLED).toString(16).padStart(2, '0')
  const state = traceState?.serialize() ?? ''
  const parent = ['traceparent', `00-${traceId}-${spanId}-${flags}`]
  return state === '' ? parent : [...parent, 'tracestate', state]
}
