import { Queue } from 'bullmq'
import { inBatches } from '../batches.ts'
import type { StartContender } from '../contender.ts'
import { orders, ORDER_TYPE } from '../payload.ts'

const start: StartContender = async ({ redis }) => {
  const jobs = orders(1_000).map((data) => ({ name: ORDER_TYPE, data }))
  let queue: Queue
  return {
    async prepare({ name }) {
      queue = new Queue(name, { connection: { url: redis } })
      await queue.waitUntilReady()
    },
    run: ({ count }) => inBatches(count, jobs, (batch) => queue.addBulk([...batch])),
    finish: () => queue.close(),
  }
}

export default start
