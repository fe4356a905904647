import { MillraceError } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import type { FailedOutboxEvent, OutboxKeeper, OutboxStatus, PrepareEvents } from '../core/outbox.ts'
import {
  checkEvent,
  withVersion,
  type NewEventOf,
  type Schemas,
  type StreamDeclaration,
} from '../core/stream.ts'
import type { Tracing } from '../core/tracing.ts'
import type { Database } from './database.ts'
import { ADD, ADD_ONE, ADDED_CHANNEL, OLDEST_AGE } from './outbox-statement.ts'
import { anyPartition, identified, PARTITIONS, toOutboxRow, type NewOutboxRow } from './outbox-row.ts'
import { traced } from './traced.ts'
import type { SqlClient } from './transaction.ts'

const DEFAULT_PAGE = 100

/**
 * Events that are published if, and only if, the transaction commits in which they were added. A relay publishes them;
 * see {@link OutboxRelay}.
 *
 * Order by key: of two transactions that add events of one key to one stream, that which added first is published
 * first, if it had committed when the other one added. So change the row that the key stands for, and add after that:
 * the second transaction waits at the row until the first one is committed. Of transactions that run at the same time
 * and wait for no common row, either may come first. No lock is taken for the order, so adding can't deadlock.
 */
export class Outbox implements OutboxKeeper {
  readonly #database: Database
  readonly #prepare: PrepareEvents
  readonly #tracing: Tracing | undefined

  /** @param prepare of a publisher with middleware, so that what it encrypts is encrypted here as well */
  constructor(database: Database, prepare: PrepareEvents = checkAll, tracing?: Tracing) {
    this.#database = database
    this.#prepare = prepare
    this.#tracing = tracing
  }

  /**
   * Adds events in the transaction of `client` and answers their ids, with which they will be published. All are
   * checked before any is added: what is refused later can only be refused by Redis. An `idempotencyKey` takes the
   * place of the key that the relay makes from the event's id. The time of an event is that of adding it; of one that
   * brings its own id and no time, that of publishing it.
   *
   * @param client in a transaction: of {@link Inbox}, of `pg`, or of another library behind {@link SqlClient}
   * @throws InvalidError `EVENT_INVALID` with the fields at fault; MillraceError `EVENT_TOO_LARGE`, `NAME_INVALID`;
   *   `TRANSACTION_ENDED` for a pool or a client that is in no transaction; errors of `client` as they come
   * @example
   * await client.query('BEGIN')
   * await client.query('UPDATE users SET status = $1 WHERE id = $2', ['suspended', id])
   * const [eventId] = await outbox.add(client, users, [{ type: 'user.updated', key: id, data: { id } }])
   * await client.query('COMMIT')
   * const messageId = await relay.published(eventId, 500)
   */
  async add<S extends Schemas>(
    client: SqlClient,
    stream: StreamDeclaration<S>,
    events: readonly NewEventOf<S>[],
  ): Promise<string[]> {
    refuseWithoutTransaction(client)
    const prepared = await this.#prepare(stream as StreamDeclaration, events.map(identified))
    if (prepared.length === 0) return []
    const loose = anyPartition()
    const rows = prepared.map((event) => toOutboxRow(stream.name, event, loose))
    await traced(this.#tracing, 'INSERT', 'millrace_outbox', async () => insert(client, rows))
    return rows.map((row) => row.eventId)
  }

  async status(): Promise<OutboxStatus> {
    const [row] = await this.#database.query<OutboxStatus>(
      `SELECT
        (SELECT count(*) FROM millrace_outbox WHERE failed_at IS NULL)::float8 AS waiting,
        (SELECT count(*) FROM millrace_outbox WHERE failed_at IS NOT NULL)::float8 AS failed,
        coalesce((
          SELECT greatest(extract(epoch FROM clock_timestamp() - min(created_at)) * 1000, 0)
          FROM millrace_outbox WHERE failed_at IS NULL
        ), 0)::float8 AS "oldestAgeMs"`,
    )
    return row!
  }

  /** How long the oldest event waits to be published, in ms; 0 when none waits. It costs little, unlike `status`. */
  async oldestAgeMs(): Promise<number> {
    const [row] = await this.#database.query<{ age: number | null }>(OLDEST_AGE, [PARTITIONS])
    return row?.age ?? 0
  }

  async failed({ limit = DEFAULT_PAGE, after = '0' } = {}): Promise<FailedOutboxEvent[]> {
    const rows = await this.#database.query<Omit<FailedOutboxEvent, 'failedAt' | 'createdAt'> & FailedTimes>(
      `SELECT id, event_id AS "eventId", stream, key, attempts, error, failed_at, created_at
       FROM millrace_outbox WHERE failed_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2`,
      [after, limit],
    )
    return rows.map(({ failed_at, created_at, ...row }) => ({
      ...row,
      failedAt: failed_at.toISOString(),
      createdAt: created_at.toISOString(),
    }))
  }

  async retry(ids: readonly string[]): Promise<number> {
    const rows = await this.#database.query(
      `WITH retried AS (
         UPDATE millrace_outbox SET attempts = 0, due_at = now(), failed_at = NULL
         WHERE id = ANY($1::bigint[]) AND failed_at IS NOT NULL RETURNING id
       )
       SELECT pg_notify('${ADDED_CHANNEL}', '')::text FROM retried`,
      [ids],
    )
    return rows.length
  }

  async discard(ids: readonly string[]): Promise<number> {
    const rows = await this.#database.query(
      'DELETE FROM millrace_outbox WHERE id = ANY($1::bigint[]) AND failed_at IS NOT NULL RETURNING id',
      [ids],
    )
    return rows.length
  }
}

function insert(client: SqlClient, rows: readonly NewOutboxRow[]): PromiseLike<unknown> {
  const values = rows.map((row) => [
    row.partition,
    row.stream,
    row.key,
    row.eventId,
    row.idempotencyKey,
    row.fields,
  ])
  const [first] = values
  if (values.length === 1) return client.query(ADD_ONE, first)
  return client.query(
    ADD,
    first!.map((_, column) => values.map((row) => row[column])),
  )
}

async function checkAll(
  stream: StreamDeclaration,
  events: readonly NewEvent[],
): Promise<readonly NewEvent[]> {
  for (const event of events) await checkEvent(stream, event)
  return events.map((event) => withVersion(stream, event))
}

interface FailedTimes {
  failed_at: Date
  created_at: Date
}

/** Outside of a transaction the event would be published whatever becomes of the change that it speaks of. */
function refuseWithoutTransaction(client: SqlClient): void {
  const { totalCount, getTransactionStatus } = client as {
    totalCount?: unknown
    getTransactionStatus?: () => string | null
  }
  if (totalCount === undefined && getTransactionStatus?.call(client) !== 'I') return
  const message = 'events are added in a transaction: pass the client on which you sent BEGIN, not a pool'
  throw new MillraceError('TRANSACTION_ENDED', message)
}
