import { expect, test } from 'vitest'
import { contentOf } from './entry-content.ts'

test('what says how an entry came is no content', () => {
  const fields = [
    'type',
    'a',
    'data',
    '1',
    'correlationid',
    'x',
    'traceparent',
    'y',
    'subject',
    's',
    'tracestate',
    'z',
  ]
  expect(contentOf(fields)).toEqual(['type', 'a', 'data', '1', 'subject', 's'])
})

test('a value that is called like it is content', () => {
  const fields = ['type', 'traceparent', 'data', 'correlationid']
  expect(contentOf(fields)).toBe(fields)
})
