import { describe, expect, it } from 'vitest'
import { MillraceError } from '../../core/errors.ts'
import { noLog } from '../../core/service.ts'
import { failureOf } from '../../../test/support/until.ts'
import { outlast } from './outlast.ts'

const { signal } = new AbortController()

describe('outlast', () => {
  it.each(['REDIS_UNAVAILABLE', 'REDIS_UNCERTAIN', 'DATABASE_UNAVAILABLE'] as const)(
    'makes a step again while %s is in its way',
    async (code) => {
      let tries = 0
      const step = async () => {
        if (++tries === 1) throw new MillraceError(code, 'gone')
        return 'done'
      }
      expect(await outlast(step, noLog, signal)).toBe('done')
    },
  )

  it('does not try again what would fail for ever', async () => {
    const wrong = new MillraceError('UNKNOWN_STREAM', 'it is a list')
    expect(await failureOf(outlast(() => Promise.reject(wrong), noLog, signal))).toBe(wrong)
  })

  it('ends when it is told to', async () => {
    const stop = new AbortController()
    const gone = new MillraceError('REDIS_UNAVAILABLE', 'gone')
    const waiting = outlast(() => Promise.reject(gone), noLog, stop.signal)
    stop.abort()
    expect(await failureOf(waiting)).toBe(gone)
  })
})
