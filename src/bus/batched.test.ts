import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { decodeEntry } from '../core/codec.ts'
import type { BatchHandler } from '../core/delivery.ts'
import { compose } from '../core/pipeline.ts'
import { stream } from '../core/stream.ts'
import { filter } from '../middleware/filter.ts'
import { split } from '../middleware/split.ts'
import { TestDelivery } from '../middleware/test-delivery.ts'
import { batched } from './batched.ts'
import { dispatch } from './dispatch.ts'

const numbers = stream('numbers', { number: z.coerce.number() })
const deliveries = (...data: unknown[]) => data.map((one) => new TestDelivery({ type: 'number', data: one }))

describe('a batch handler', () => {
  const batches: unknown[][] = []
  const handler: BatchHandler = (batch) => void batches.push(batch.map(({ event }) => event.data))

  test('gets what arrives, checked, in its order', async () => {
    batches.length = 0
    const checked = batched((arrive) => dispatch(numbers, { '*': arrive }), handler)
    await checked(deliveries('1', '2'))
    await checked(deliveries('3'))
    expect(batches).toEqual([[1, 2], [3]])
  })

  test('gets those that fit, and one that does not fails alone', async () => {
    batches.length = 0
    const checked = batched((arrive) => dispatch(numbers, { '*': arrive }), handler)
    expect(await checked(deliveries('1', 'x', '2'))).toEqual([
      undefined,
      expect.objectContaining({ code: 'EVENT_INVALID' }),
      undefined,
    ])
    expect(await checked(deliveries('x'))).toHaveLength(1)
    expect(batches).toEqual([[1, 2]])
  })

  test('gets nothing of one that failed half-way, and its faults are those of what the events came from', async () => {
    const half = split<number>(({ data }) => [{ data }, { data: -data }])
    const noMinusTwo = filter<number>(({ event: { data } }) => {
      if (data === -2) throw new Error('minus two')
      return true
    })
    const seen: unknown[] = []
    const some = batched(compose(half, noMinusTwo), (batch) => {
      seen.push(...batch.map(({ event }) => event.data))
      return batch.map(({ event }) => (event.data === -3 ? new Error('minus three') : undefined))
    })
    const faults = (await some(deliveries(1, 2, 3))) as (Error | undefined)[]
    expect(seen).toEqual([1, -1, 3, -3])
    expect(faults.map((fault) => fault?.message)).toEqual([undefined, 'minus two', 'minus three'])
  })

  test('sees an event as it was written each time it is run', async () => {
    batches.length = 0
    const seen: unknown[] = []
    const event = decodeEntry('numbers', { position: '1-1', fields: ['type', 'number', 'data', '"5"'] })
    const delivery = Object.assign(new TestDelivery({}), { event })
    const look = filter(({ event: { data } }) => seen.push(data) > 0)
    const some = batched((arrive) => look(dispatch(numbers, { '*': arrive })), handler)
    await some([delivery])
    await some([delivery])
    expect([seen, batches]).toEqual([
      ['5', '5'],
      [[5], [5]],
    ])
  })

  test('is refused at once where its way there makes no sense', () => {
    expect(() => batched(() => compose('no' as never)(() => {}), handler)).toThrow('middleware.0')
  })

  test('gets what middleware makes of a delivery, and nothing of none', async () => {
    batches.length = 0
    const middleware = compose(
      filter<number>(({ event }) => event.data > 0),
      split<number>(({ data }) => Array.from({ length: data }, (_, n) => ({ data: n }))),
    )
    const some = batched(middleware, handler)
    await some(deliveries(2, 0, 3))
    await some(deliveries(0, 0))
    expect(batches).toEqual([[0, 1, 0, 1, 2]])
  })
})
