import { EventHubProducerClient } from '@azure/event-hubs'
import type * as Sinks from '../../src/connectors/sinks/event-hubs.ts'
import { built } from '../built.ts'
import { Receiver } from './receiver.ts'
import type { OpenTarget, Outgoing } from './target.ts'

const { eventHubsSink } = (await import(built('connectors/sinks/event-hubs.js'))) as typeof Sinks

/** A server that speaks the protocol of Event Hubs. By hand, the client of Azure as its documents show it. */
export const eventHubs: OpenTarget = async () => {
  const receiver = await Receiver.start('event-hubs-receiver.ts')
  const connectionString = receiver.address
  const client = new EventHubProducerClient(connectionString)
  return {
    sink: () => eventHubsSink({ connectionString }),
    async write(_, events) {
      let batch = await client.createBatch()
      for (const event of events) {
        const message = messageOf(event)
        if (batch.tryAdd(message)) continue
        await client.sendBatch(batch)
        batch = await client.createBatch()
        batch.tryAdd(message)
      }
      await client.sendBatch(batch)
    },
    take: () => receiver.take(),
  }
}

const messageOf = ({ data, datacontenttype, specversion, id, source, type, time }: Outgoing) => ({
  body: Buffer.from(JSON.stringify(data)),
  contentType: datacontenttype,
  messageId: id,
  properties: {
    'cloudEvents:specversion': specversion,
    'cloudEvents:id': id,
    'cloudEvents:source': source,
    'cloudEvents:type': type,
    'cloudEvents:time': time,
  },
})
