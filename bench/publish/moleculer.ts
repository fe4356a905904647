import { inBatches } from '../batches.ts'
import type { StartContender } from '../contender.ts'
import { channelBroker } from '../moleculer.ts'
import { orders } from '../payload.ts'

const start: StartContender = async ({ redis }) => {
  const broker = await channelBroker(redis)
  const batch = orders(250)
  return {
    // It has no call for many, so a batch is 250 calls that travel together.
    run: ({ name, count }) =>
      inBatches(count, batch, (payloads) =>
        Promise.all(payloads.map((payload) => broker.sendToChannel(name, payload))),
      ),
  }
}

export default start
