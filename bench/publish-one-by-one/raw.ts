import { awaitedByCallers } from '../callers.ts'
import type { StartContender } from '../contender.ts'
import { orders, ORDER_TYPE } from '../payload.ts'
import { rawClient } from '../raw.ts'

const start: StartContender = async ({ redis }) => {
  const client = await rawClient(redis)
  const [order] = orders(1)
  return {
    run: ({ name, count }) =>
      awaitedByCallers(count, () =>
        client.xAdd(name, '*', { type: ORDER_TYPE, data: JSON.stringify(order) }),
      ),
  }
}

export default start
