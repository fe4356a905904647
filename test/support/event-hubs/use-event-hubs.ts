import { useEach } from '../use.ts'
import { EventHubsServer, type EventHubsServerOptions } from './server.ts'

/** A server with an event hub `events`, anew for each test. */
export const useEventHubs = (options: EventHubsServerOptions = {}): EventHubsServer =>
  useEach(
    () => EventHubsServer.start(options),
    (server) => server.stop(),
  )
