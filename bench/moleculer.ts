import { Middleware as channels } from '@moleculer/channels'
import { ServiceBroker, type Middleware } from 'moleculer'

/** A broker whose channels are on Redis; `sendToChannel` is what the middleware adds to it. */
export interface ChannelBroker extends ServiceBroker {
  sendToChannel(channel: string, payload: unknown): Promise<void>
}

export async function channelBroker(redis: string): Promise<ChannelBroker> {
  // Its types miss what its own broker accepts.
  const middleware = channels({ adapter: redis } as never) as unknown as Middleware
  const broker = new ServiceBroker({ logger: false, middlewares: [middleware] })
  await broker.start()
  return broker as ChannelBroker
}
