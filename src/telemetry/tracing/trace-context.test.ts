import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { expect, test } from 'vitest'
import { readTraceContext, traceFields } from './trace-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const written = (traceparent: string, tracestate?: string) => {
  const span = readTraceContext(traceparent, tracestate)
  return span && traceFields(trace.setSpanContext(ROOT_CONTEXT, span))
}

test.each([
  [`00-${TRACE}-${SPAN}-01`, 'vendor=1,other=2'],
  [`00-${TRACE}-${SPAN}-00`, undefined],
])('%s is written as it was read', (traceparent, tracestate) => {
  const state = tracestate === undefined ? [] : ['tracestate', tracestate]
  expect(written(traceparent, tracestate)).toEqual(['traceparent', traceparent, ...state])
})

test('a newer version is read as far as it is known', () => {
  expect(written(`cc-${TRACE}-${SPAN}-09-more`)).toEqual(['traceparent', `00-${TRACE}-${SPAN}-01`])
})

test.each([
  undefined,
  '',
  'garbage',
  `00-${TRACE}-${SPAN}`,
  `00-${TRACE}-${SPAN}-1`,
  `00-${TRACE}-${SPAN}-01-more`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}-01\n`,
  'x'.repeat(1_000_000),
])('%s is none', (traceparent) => {
  expect(readTraceContext(traceparent, 'a=1')).toBeUndefined()
})

test.each(['', ',,,', '=', 'a'.repeat(100_000), 'ü=1', 'a=1\u0000'])(
  'the state %s does no harm',
  (tracestate) => {
    expect(written(`00-${TRACE}-${SPAN}-01`, tracestate)).toEqual(['traceparent', `00-${TRACE}-${SPAN}-01`])
  },
)
