import { describe, expect, test } from 'vitest'
import { MillraceError } from './errors.ts'
import { suggestName, type NameSource } from './suggestions.ts'
import type { StreamInfo } from './stream-info.ts'

const source = {
  catalogue: { names: async () => ['orders', 'user:events'] },
  streams: {
    info: async (stream: string) =>
      (stream === 'orders' ? { groups: [{ group: 'mailer' }, { group: 'billing' }] } : undefined) as
        | StreamInfo
        | undefined,
  },
  members: {
    consumers: async () => [
      { name: 'host-1', pending: 0, idleMs: 0, state: 'live' as const },
      { name: '~retry', pending: 0, idleMs: 0, state: 'retry' as const },
    ],
  },
} satisfies NameSource

const unknown = (what: 'STREAM' | 'GROUP' | 'CONSUMER') =>
  new MillraceError(`UNKNOWN_${what}`, `there is no such thing`)

describe('the nearest name stands at the end of the message', () => {
  test.each([
    ['STREAM', { stream: 'order', group: 'mailer' }, 'orders'],
    ['STREAM', { stream: 'User:Event' }, 'user:events'],
    ['GROUP', { stream: 'orders', group: 'mailr' }, 'mailer'],
    ['CONSUMER', { stream: 'orders', group: 'mailer', consumer: 'host-2' }, 'host-1'],
  ] as const)('UNKNOWN_%s %j', async (what, asked, meant) => {
    const error = unknown(what)
    expect(await suggestName(error, asked, source)).toMatchObject({
      name: 'MillraceError',
      code: error.code,
      message: `there is no such thing; did you mean "${meant}"?`,
      cause: error,
    })
  })
})

describe('the error stays as it is', () => {
  test.each([
    ['where nothing is near', unknown('STREAM'), { stream: 'payments' }],
    ['where it is another one', new MillraceError('GROUP_BUSY', 'busy'), { stream: 'order' }],
    ['where it is none of ours', new TypeError('oh'), { stream: 'order' }],
    ['where nobody knows what was asked for', unknown('GROUP'), { stream: 'order' }],
    ['where its stream is not there', unknown('GROUP'), { stream: 'none', group: 'mailr' }],
    ['where the only one near is no consumer', unknown('CONSUMER'), { consumer: '~retri' }],
    ['where the name itself is there by now', unknown('STREAM'), { stream: 'orders' }],
  ])('%s', async (_, error, asked) => {
    expect(await suggestName(error, asked, source)).toBe(error)
  })

  test('where looking for it fails', async () => {
    const error = unknown('STREAM')
    const names = () => Promise.reject(new Error('offline'))
    expect(await suggestName(error, { stream: 'order' }, { ...source, catalogue: { names } })).toBe(error)
  })
})
