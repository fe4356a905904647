import type { Service } from 'moleculer'
import { inBatches } from '../batches.ts'
import type { StartContender } from '../contender.ts'
import { channelBroker } from '../moleculer.ts'
import { orders, type Order } from '../payload.ts'
import { countdown } from './stream.ts'

const start: StartContender = async ({ redis }) => {
  const broker = await channelBroker(redis)
  const batch = orders(250)
  let service: Service
  return {
    prepare: ({ name, count }) =>
      inBatches(count, batch, (payloads) =>
        Promise.all(payloads.map((payload) => broker.sendToChannel(name, payload))),
      ),
    async run({ name, count }) {
      const all = countdown(count)
      service = broker.createService({
        name,
        channels: {
          [name]: {
            maxInFlight: 200,
            redis: { startID: '0' },
            handler: async (order: Order) => all.seen(order),
          },
        },
      })
      await all.done
    },
    finish: () => broker.destroyService(service),
  }
}

export default start
