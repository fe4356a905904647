import type { StartContender } from '../contender.ts'
import type { ConsumeOptions } from '../../src/index.ts'
import { inBatches } from '../batches.ts'
import { countdown } from '../consume/stream.ts'
import { connect, orderStream } from '../millrace.ts'
import { orders, ORDER_TYPE, type Order } from '../payload.ts'

/** What a publisher says of the order with this number, beside its data. */
type Described = { key?: string; id?: string }

/** A worker with some guarantee on, on events that it needs. */
export const consumeWith =
  (options: Partial<ConsumeOptions>, describe: (number: number) => Described = () => ({})): StartContender =>
  async ({ redis }) => {
    const bus = await connect({ url: redis })
    return {
      async prepare({ name, count }) {
        let number = 0
        const event = (data: Order) => ({ ...describe(number++), type: ORDER_TYPE, data }) as const
        await inBatches(count, orders(250), async (batch) => {
          await bus.publishMany(orderStream(name), batch.map(event))
        })
      },
      async run({ name, count }) {
        const all = countdown(count)
        const worker = await bus.consume(
          orderStream(name),
          { group: 'bench', concurrency: 200, ...options },
          { [ORDER_TYPE]: async ({ event }) => all.seen(event.data) },
        )
        await all.done
        await worker.stop(5_000)
      },
    }
  }
