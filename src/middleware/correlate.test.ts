import { describe, expect, test } from 'vitest'
import { correlated, correlationId } from '../core/correlation.ts'
import type { NewEvent } from '../core/event.ts'
import { correlate, correlatePublished } from './correlate.ts'
import { TestDelivery } from './test-delivery.ts'

const publish = (event: NewEvent) => correlatePublished()(event, undefined as never) as NewEvent

describe('correlate', () => {
  test.each([
    [{ correlationid: 'order-7' }, 'order-7'],
    [{}, '1-1'],
  ])('runs the handler under the id of %j', async (headers, id) => {
    const seen: unknown[] = []
    const delivery = new TestDelivery({ headers: headers as Record<string, string> })
    await correlate()(async () => {
      await Promise.resolve()
      seen.push(correlationId(), publish({ type: 't', data: 1 }).headers)
    })(delivery)
    expect(seen).toEqual([id, { correlationid: id }])
    expect(correlationId()).toBeUndefined()
  })

  test('fails as the handler does', async () => {
    const handler = correlate()(() => Promise.reject(new Error('no')))
    await expect(handler(new TestDelivery({}))).rejects.toThrow('no')
  })
})

describe('correlatePublished', () => {
  test('leaves an event alone that has an id, and one that comes of nothing', () => {
    const own = { type: 't', data: 1, headers: { correlationid: 'mine' } }
    const none = { type: 't', data: 1 }
    expect(correlated('other', () => publish(own))).toBe(own)
    expect(publish(none)).toBe(none)
  })

  test('never changes the event that it is given', () => {
    const event = Object.freeze({ type: 't', data: 1, headers: Object.freeze({ subject: 's' }) })
    expect(correlated('x', () => publish(event)).headers).toEqual({ subject: 's', correlationid: 'x' })
  })
})
