import type { Log } from '../core/service.ts'
import type { Database } from './database.ts'
import { Notifications } from './notifications.ts'
import { PUBLISHED_CHANNEL } from './outbox-statement.ts'
import { PublishedPositions, readTelling } from './published-positions.ts'

/** Learns from relays of other processes where the events of the outbox stand; relays of this one tell `positions`. */
export class PublishedListener {
  readonly positions = new PublishedPositions()
  readonly #notifications: Notifications

  constructor(database: Database, log: Log) {
    this.#notifications = new Notifications(database, {
      channels: [PUBLISHED_CHANNEL],
      onNotification: (_, payload) => this.positions.learn(readTelling(payload)),
      onListening: () => {},
      log,
    })
  }

  start(): void {
    this.#notifications.start()
  }

  async stop(): Promise<void> {
    await this.#notifications.stop()
  }
}
