import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { failureOf } from '../../test/support/until.ts'
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

  test('fails as a whole where one does not fit, and is not called', async () => {
    const never = vi.fn()
    const checked = batched((arrive) => dispatch(numbers, { '*': arrive }), never)
    expect(await failureOf(async () => checked(deliveries('1', 'x')))).toMatchObject({
      code: 'EVENT_INVALID',
    })
    expect(never).not.toHaveBeenCalled()
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
