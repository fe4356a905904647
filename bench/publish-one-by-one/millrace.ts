import { awaitedByCallers } from '../callers.ts'
import type { StartContender } from '../contender.ts'
import { connect, orderStream } from '../millrace.ts'
import { orders, ORDER_TYPE } from '../payload.ts'

const start: StartContender = async ({ redis }) => {
  const bus = await connect({ url: redis })
  const [order] = orders(1)
  return {
    async run({ name, count }) {
      const stream = orderStream(name)
      await awaitedByCallers(count, () => bus.publish(stream, ORDER_TYPE, order!))
    },
  }
}

export default start
