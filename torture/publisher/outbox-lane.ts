import { Pool, type PoolClient } from 'pg'
import type { Outbox } from '../../src/postgres/outbox.ts'
import { PUBLISHED } from '../evidence.ts'
import { hashOf } from '../random.ts'
import { declarationOf } from '../streams.ts'
import { eventOf, writeIntents, type LaneContext, type Numbered } from './lane.ts'

const MAX_CONNECTIONS = 4
/** One of so many transactions is rolled back: nothing of it may ever be published. */
const ROLLED_BACK = 10

type End = (typeof PUBLISHED)['ok' | 'failed' | 'unknown']

/** Adds events to the outbox in transactions of its own; the workers relay them. */
export class OutboxLane {
  readonly #outbox: Outbox
  readonly #context: LaneContext
  readonly #pool: Pool
  readonly #running = new Set<Promise<void>>()
  #unanswered = 0

  constructor(url: string, outbox: Outbox, context: LaneContext) {
    this.#outbox = outbox
    this.#context = context
    this.#pool = new Pool({ connectionString: url, max: MAX_CONNECTIONS, connectionTimeoutMillis: 5_000 })
    this.#pool.on('error', () => {}) // the next one is new
  }

  get unanswered(): number {
    return this.#unanswered
  }

  publish(events: readonly Numbered[]): void {
    this.#unanswered += events.length
    const work = this.#publish(events).finally(() => {
      this.#unanswered -= events.length
      this.#running.delete(work)
    })
    this.#running.add(work)
  }

  async close(): Promise<void> {
    await Promise.all(this.#running)
    await this.#pool.end()
  }

  async #publish(events: readonly Numbered[]): Promise<void> {
    writeIntents(this.#context.evidence, 'outbox', events)
    const end = await this.#transaction(events)
    const at = Date.now()
    this.#context.evidence.write(
      'published.outbox',
      events.map(({ id }) => [end, at, id, '']),
    )
  }

  /** Whether it was committed; unknown when the answer to COMMIT got lost. */
  async #transaction(events: readonly Numbered[]): Promise<End> {
    let committing = false
    let client: PoolClient | undefined
    let broken: Error | undefined
    const onError = (error: Error) => (broken = error)
    try {
      client = await this.#pool.connect()
      client.on('error', onError)
      await client.query('BEGIN')
      await this.#outbox.add(
        client,
        declaration,
        events.map((event) => ({ ...eventOf('outbox', event), type: 'event' as const })),
      )
      if (hashOf(events[0]!.id) % ROLLED_BACK === 0) {
        await client.query('ROLLBACK')
        return PUBLISHED.failed
      }
      committing = true
      await client.query('COMMIT')
      return PUBLISHED.ok
    } catch (error) {
      broken = error as Error
      return committing ? PUBLISHED.unknown : PUBLISHED.failed
    } finally {
      client?.off('error', onError)
      client?.release(broken)
    }
  }
}

const declaration = declarationOf('outbox')
