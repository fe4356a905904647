import { Queue, Worker } from 'bullmq'
import { inBatches } from '../batches.ts'
import type { StartContender } from '../contender.ts'
import { orders, ORDER_TYPE, type Order } from '../payload.ts'
import { countdown } from './stream.ts'

const start: StartContender = async ({ redis }) => {
  const connection = { url: redis }
  const jobs = orders(1_000).map((data) => ({ name: ORDER_TYPE, data }))
  let worker: Worker
  return {
    async prepare({ name, count }) {
      const queue = new Queue(name, { connection })
      await inBatches(count, jobs, (batch) => queue.addBulk([...batch]))
      await queue.close()
    },
    async run({ name, count }) {
      const all = countdown(count)
      worker = new Worker<Order>(name, async ({ data }) => all.seen(data), { connection, concurrency: 200 })
      await all.done
    },
    finish: () => worker.close(),
  }
}

export default start
