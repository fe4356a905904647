import { inBatches } from '../batches.ts'
import type { StartContender } from '../contender.ts'
import { connect, orderStream } from '../millrace.ts'
import { orders, ORDER_TYPE } from '../payload.ts'

const start: StartContender = async ({ redis }) => {
  const bus = await connect({ url: redis })
  const batch = orders(250).map((data) => ({ type: ORDER_TYPE, data }) as const)
  return {
    async run({ name, count }) {
      const stream = orderStream(name)
      await inBatches(count, batch, (events) => bus.publishMany(stream, events))
    },
  }
}

export default start
