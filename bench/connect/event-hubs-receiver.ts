import { EventHubsServer } from '../../test/support/event-hubs/server.ts'
import { receive } from './receiver.ts'

const HUB = 'orders'
const server = await EventHubsServer.start({ hubs: { [HUB]: 4 } })

receive(server.connectionString({ hub: HUB }), () => {
  let held = 0
  for (const { events } of server.hub(HUB).partitions) held += events.splice(0).length
  return held
})
