import { describe, expect, test } from 'vitest'
import { busy, EventHubsServer } from '../../../test/support/event-hubs/server.ts'
import { startSinkProcess } from '../../../test/support/sink-process.ts'
import { useLog, useRedisServer } from '../../../test/support/use-redis.ts'
import type { Sink } from '../../core/sink.ts'
import { sinkConformance } from '../../testing/sink-conformance.ts'
import type { SinkLab, SinkProcessTarget } from '../../testing/sink-conformance/lab.ts'
import { eventHubsSink } from './event-hubs.ts'

const HUB = 'events'
const MAX_MESSAGE_BYTES = 65_536
/** A client notices a lost connection by this. */
const SEND_TIMEOUT_MS = 1_000

const redis = useRedisServer()
const log = useLog(redis)

/** One partition, so that there is an order to be seen. */
class EventHubsLab implements SinkLab {
  readonly oversize = MAX_MESSAGE_BYTES
  readonly #server: EventHubsServer
  #cuts = 0

  constructor(server: EventHubsServer) {
    this.#server = server
  }

  sink(): Sink {
    const connectionString = this.#server.connectionString({ hub: HUB })
    // Without keys there is an order from batch to batch only where one is written at a time.
    return eventHubsSink({ connectionString, sendTimeoutMs: SEND_TIMEOUT_MS, concurrency: 1 })
  }

  async held(): Promise<readonly unknown[]> {
    return this.#server.hub(HUB).data()
  }

  refuse(isRefused: (data: unknown) => boolean): void {
    const refusal = { condition: 'com.microsoft:argument-error', description: 'Something in it is wrong.' }
    this.#server.judge = ({ data }) => (data().some(isRefused) ? refusal : 'accept')
  }

  throttle(ms: number): void {
    this.#once(busy(ms / 1_000))
  }

  /** After storing and before, in turn. */
  cut(): Promise<void> {
    const verdict = this.#cuts++ % 2 === 0 ? 'cutAfterStoring' : 'cutBefore'
    return new Promise((resolve) => {
      this.#server.judge = ({ raw }) => {
        if (raw.length < 2) return 'accept'
        this.#server.judge = () => 'accept'
        resolve()
        return verdict
      }
    })
  }

  hang(): () => void {
    this.#server.judge = () => 'hang'
    return () => {
      this.#server.judge = () => 'accept'
      this.#server.release()
    }
  }

  async leave(): Promise<() => Promise<void>> {
    await this.#server.away()
    return () => this.#server.back()
  }

  startProcess(target: SinkProcessTarget): Promise<{ kill(): Promise<void> }> {
    const connectionString = this.#server.connectionString({ hub: HUB })
    return startSinkProcess(redis.url, { type: 'event-hubs', options: { connectionString } }, target)
  }

  close(): Promise<void> {
    return this.#server.stop()
  }

  #once(verdict: ReturnType<EventHubsServer['judge']>): void {
    this.#server.judge = () => {
      this.#server.judge = () => 'accept'
      return verdict
    }
  }
}

sinkConformance(
  {
    name: 'Azure Event Hubs',
    open: async () =>
      new EventHubsLab(
        await EventHubsServer.start({ hubs: { [HUB]: 1 }, maxMessageBytes: MAX_MESSAGE_BYTES }),
      ),
    openStreams: async () => ({ log, close: async () => {} }),
    without: { exactlyOnce: 'Event Hubs keeps every repeat; consumers find them by source and id' },
  },
  { describe, test, expect },
)
