import { expect, test } from 'vitest'
import { z } from 'zod'
import { failureOf } from '../../test/support/until.ts'
import type { InvalidError } from '../core/errors.ts'
import { checkReplyOptions } from './reply-options.ts'
import { rpc } from './contract.ts'

const text = z.object({ text: z.string() })

test('a contract says where replies to requests by hand go, and how long a request may take', () => {
  const contract = rpc('weather', { stream: 'weather-requests', request: text, reply: text })
  expect(contract).toMatchObject({ answer: 'one', replies: 'weather-requests-replies', timeout: 30_000 })
  const named = rpc('weather', {
    stream: 'weather-requests',
    request: text,
    reply: text,
    replies: 'weather-responses',
  })
  expect(named.replies).toBe('weather-responses')
})

test('all mistakes of a contract are listed at once', async () => {
  const wrong = {
    stream: '{x}:rpc:notes',
    request: {},
    reply: text,
    errors: { RPC_TIMEOUT: text, OTHER: 'none' },
    answer: 'many',
    replies: '{x}:rpc:notes',
    timeout: 0,
  }
  const error = (await failureOf(() => rpc('', wrong as never))) as InvalidError
  expect(error).toMatchObject({ code: 'CONFIGURATION_INVALID' })
  const paths = error.issues.map(({ path }) => path)
  expect(new Set(paths)).toEqual(
    new Set([
      'name',
      'stream',
      'replies',
      'request',
      'errors.RPC_TIMEOUT',
      'errors.OTHER',
      'answer',
      'timeout',
    ]),
  )
})

test('an error is one of the contract only by its own codes', () => {
  const contract = rpc('c', { stream: 's', request: text, reply: text, errors: { GONE: text } })
  const error = contract.error('GONE', { text: 'x' })
  expect(contract.isError(error, 'GONE')).toBe(true)
  expect(contract.isError(error, 'toString' as never)).toBe(false)
  expect(contract.isError(Object.assign(new Error('no'), { code: 'GONE' }), 'GONE')).toBe(false)
})

test('all mistakes of a responder are listed at once', async () => {
  const error = await failureOf(() => checkReplyOptions({ terminals: 0, deadAfterMs: 1.5 }, undefined))
  expect(error).toMatchObject({
    code: 'CONFIGURATION_INVALID',
    issues: [{ path: 'terminals' }, { path: 'deadAfterMs' }, { path: 'handler' }],
  })
})
