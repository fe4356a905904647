import { AsyncResource } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { correlated, correlationId, correlationOf, isCorrelationId } from './correlation.ts'

describe('correlated', () => {
  it('gives its id to what runs within, beside others and inside of others', async () => {
    expect(correlationId()).toBeUndefined()
    const inner = correlated('a', async () => {
      await new Promise(setImmediate)
      return [correlationId(), correlated('b', correlationId), correlationId()]
    })
    expect(correlationId()).toBeUndefined()
    expect(await Promise.all([inner, correlated('c', async () => correlationId())])).toEqual([
      ['a', 'b', 'a'],
      'c',
    ])
  })

  it.each(['resolves', 'rejects', 'returns', 'throws'])('ends when the work %s', async (how) => {
    let later: (() => string | undefined) | undefined
    const work = (): unknown => {
      const scope = correlationScope()
      later = scope
      expect(scope()).toBe('a')
      if (how === 'throws') throw new Error('no')
      if (how === 'returns') return 1
      return how === 'resolves' ? Promise.resolve() : Promise.reject(new Error('no'))
    }
    try {
      await correlated('a', work)
    } catch {
      // As the work does.
    }
    await new Promise(setImmediate)
    expect(later!()).toBeUndefined()
  })
})

/** What a socket that was opened here would see later. */
function correlationScope(): () => string | undefined {
  return AsyncResource.bind(() => correlationId())
}

describe('the id of an event', () => {
  it.each([
    [{ correlationid: 'order-7' }, 'order-7'],
    [{}, '1-1'],
    [{ correlationid: '' }, '1-1'],
    [{ correlationid: 'a\nb' }, '1-1'],
    [{ correlationid: 'x'.repeat(129) }, '1-1'],
  ])('of %j is %s', (headers, id) => {
    expect(correlationOf({ id: '1-1', headers: headers as Record<string, string> })).toBe(id)
  })

  it('is harmless', () => {
    expect(isCorrelationId(undefined)).toBe(false)
    expect(isCorrelationId('3fa85f64-5717-4562-b3fc-2c963f66afa6')).toBe(true)
    expect(isCorrelationId('<script>')).toBe(false)
  })
})
