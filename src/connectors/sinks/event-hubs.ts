import type { EventHubProducerClient } from '@azure/event-hubs'
import { EventHubsError } from '../../core/connector-errors.ts'
import type { BatchFaults } from '../../core/delivery.ts'
import { pause } from '../../core/pause.ts'
import type { Sink, SinkContext, SinkEvent } from '../../core/sink.ts'
import { openClient } from './event-hubs/client.ts'
import { EventHubsFailures } from './event-hubs/failures.ts'
import { resolveEventHubs, type EventHubsSinkOptions, type ResolvedEventHubs } from './event-hubs/options.ts'
import { Writing } from './event-hubs/writing.ts'
import { SentEvents } from './sent-events.ts'

export { checkEventHubsConnection } from './event-hubs/connection-string.ts'
export type {
  EventHubsConnectOptions,
  EventHubsCredential,
  EventHubsCredentialOptions,
  EventHubsSinkOptions,
} from './event-hubs/options.ts'

/**
 * Writes to an Azure event hub. It needs the package `@azure/event-hubs`, and `@azure/identity` where no connection string
 * and no credential is given.
 *
 * - An event is a message of the AMQP binding of CloudEvents: the data are its body, attributes are properties such as
 *   `cloudEvents:id` and `cloudEvents:type`.
 * - Its key is its partition key, so events of one key keep their order. Those without go to any partition.
 * - Batches are filled up to what the event hub takes. What is too large alone is a dead letter, `EVENT_TOO_LARGE`.
 * - At least once: an event is acknowledged when Event Hubs has it, and sent again when the answer is lost. Consumers find
 *   repeats by `cloudEvents:source` and `cloudEvents:id`.
 * - Throttling is waited out for as long as Event Hubs says. Credentials that are refused are tried on: they may come
 *   right. An event hub that does not exist, or a package that is missing, stops the pipeline (`ConfigurationError`).
 *
 * Keys and signatures get into no message, log or status.
 *
 * @throws InvalidError `CONFIGURATION_INVALID` with every mistake in the options
 *
 * @example
 * pipeline('telemetry', {
 *   from: 'telemetry:events',
 *   to: eventHubsSink({ fullyQualifiedNamespace: 'example.servicebus.windows.net', eventHub: 'telemetry' }),
 *   batch: { size: 500, waitMs: 200 },
 * })
 */
export function eventHubsSink(options: EventHubsSinkOptions): Sink {
  return new EventHubsSink(resolveEventHubs(options))
}

/** A connection that is broken answers no close. */
const CLOSE_MS = 2_000

class EventHubsSink implements Sink {
  readonly concurrency: number
  readonly wantsJson = true
  readonly #options: ResolvedEventHubs
  readonly #failures: EventHubsFailures
  readonly #sent = new SentEvents()
  #client: EventHubProducerClient | undefined

  constructor(options: ResolvedEventHubs) {
    this.#options = options
    this.concurrency = options.concurrency
    this.#failures = new EventHubsFailures(options.eventHub, options.secrets)
  }

  /** With a new connection each time: whatever is wrong with the one before is gone with it. */
  async connect({ signal }: SinkContext): Promise<void> {
    void this.close()
    let client: EventHubProducerClient | undefined
    try {
      client = await openClient(this.#options)
      // Opens the link, which needs the right to send, and learns how large a batch may be.
      await client.createBatch({ abortSignal: signal })
      // Nobody waits for what comes too late; another one may be connected by now.
      signal.throwIfAborted()
    } catch (error) {
      void closed(client)
      throw this.#failures.ofConnect(error)
    }
    this.#client = client
  }

  async write(events: readonly SinkEvent[], signal: AbortSignal): Promise<BatchFaults> {
    const client = this.#client
    if (!client) throw new EventHubsError('SINK_UNAVAILABLE', 'the sink for Event Hubs is not connected')
    const [failures, remembered] = [this.#failures, this.#sent]
    const has = (event: SinkEvent) => remembered.has(event)
    return remembered.during(signal, (sent) =>
      new Writing({ client, failures, has, sent, signal }).run(events),
    )
  }

  async close(): Promise<void> {
    const client = this.#client
    this.#client = undefined
    await closed(client)
  }
}

async function closed(client: EventHubProducerClient | undefined): Promise<void> {
  if (!client) return
  const done = new AbortController()
  const closing = client.close().catch(() => {})
  await Promise.race([closing.then(() => done.abort()), pause(CLOSE_MS, done.signal)])
}
