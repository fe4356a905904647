import { inBatches } from '../batches.ts'
import { orders, type Order } from '../payload.ts'
import { rawAppend, type RawClient } from '../raw.ts'

/** Fills a stream that is about to be consumed. */
export const fill = (client: RawClient, stream: string, count: number): Promise<void> =>
  inBatches(count, orders(250), (batch) => rawAppend(client, stream, batch))

/** Resolves `done` when `count` orders were seen. */
export function countdown(count: number): { done: Promise<void>; seen(order: Order): void } {
  let left = count
  let finish = () => {}
  const done = new Promise<void>((resolve) => (finish = resolve))
  const seen = ({ amount }: Order): void => {
    if (!(amount > 0)) throw new Error('an order without an amount')
    if (--left === 0) finish()
  }
  return { done, seen }
}
