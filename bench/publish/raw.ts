import { inBatches } from '../batches.ts'
import type { StartContender } from '../contender.ts'
import { orders } from '../payload.ts'
import { rawAppend, rawClient } from '../raw.ts'

const start: StartContender = async ({ redis }) => {
  const client = await rawClient(redis)
  const batch = orders(250)
  return {
    run: ({ name, count }) => inBatches(count, batch, (events) => rawAppend(client, name, events)),
  }
}

export default start
