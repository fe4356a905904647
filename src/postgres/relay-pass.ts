import { backoffMs } from '../core/backoff.ts'
import { redactText } from '../core/redact.ts'
import type { Log } from '../core/service.ts'
import type { StreamLog } from '../core/stream-log.ts'
import { publishRows, type Publishing } from './outbox-publishing.ts'
import { FINISH, LOCK_PARTITIONS, POSTPONE, TAKE, type OutboxRow } from './outbox-statement.ts'
import { tellings, type PublishedEvent } from './published-positions.ts'
import type { RelayOptions } from './relay-options.ts'
import type { Transaction } from './transaction.ts'

/** In UTF-16 units of what is taken at once. */
const MAX_SIZE = 4_000_000
/** Longer than that no transaction waits for Redis. */
const MAX_PUBLISHING_MS = 5_000
const MAX_DELAY_MS = 60_000
const MAX_ERROR_LENGTH = 2_000

export interface Pass {
  /** Rows that were published or refused, so that there may be more to do. */
  readonly moved: number
  readonly published: number
  readonly outage: Error | undefined
}

export interface Relay {
  readonly log: StreamLog
  readonly messages: Log
  readonly options: Required<RelayOptions>
  onPublished(events: readonly PublishedEvent[]): void
}

const NOTHING: Pass = { moved: 0, published: 0, outage: undefined }

/** Publishes once from partitions, in a transaction that holds those that it gets until their rows are gone. */
export async function relayPartitions(
  tx: Transaction,
  partitions: readonly number[],
  relay: Relay,
): Promise<Pass> {
  const { log, messages, options } = relay
  const locked = (await tx.query<{ partition: number }>(LOCK_PARTITIONS, [partitions])).rows
  if (locked.length === 0) return NOTHING
  const mine = locked.map(({ partition }) => partition)
  const { rows } = await tx.query<OutboxRow>(TAKE, [mine, options.batchSize, MAX_SIZE])
  if (rows.length === 0) return NOTHING
  const publishing = await publishRows(log, rows, performance.now() + MAX_PUBLISHING_MS)
  const published = publishing.published.map(({ row, position }) => ({ eventId: row.event_id, position }))
  // Before the commit: an event whose row stays is published again under its key, and answered with this position.
  relay.onPublished(published)
  if (published.length > 0) {
    const ids = publishing.published.map(({ row }) => row.id)
    await tx.query(FINISH, [ids, tellings(published)])
  }
  if (publishing.refused.length > 0) await postpone(tx, publishing.refused, options, messages)
  return {
    moved: published.length + publishing.refused.length,
    published: published.length,
    outage: publishing.outage,
  }
}

async function postpone(
  tx: Transaction,
  refused: Publishing['refused'],
  options: Required<RelayOptions>,
  messages: Log,
): Promise<void> {
  const delays = refused.map(({ row }) => delayAfter(row.attempts + 1, options))
  await tx.query(POSTPONE, [
    refused.map(({ row }) => row.id),
    refused.map(({ error }) =>
      redactText(error.message).replaceAll('\0', '\ufffd').slice(0, MAX_ERROR_LENGTH),
    ),
    delays,
  ])
  for (const [index, { row, error }] of refused.entries()) {
    const fields = {
      id: row.id,
      eventId: row.event_id,
      stream: row.stream,
      attempts: row.attempts + 1,
      error,
    }
    if (delays[index] !== null)
      messages.warn(fields, 'an event of the outbox was refused; it and its key wait for the next attempt')
    else
      messages.error(fields, 'an event of the outbox is given up; mend the cause and retry it, or discard it')
  }
}

/** Null when there is no further attempt. */
const delayAfter = (attempts: number, { maxAttempts, retryDelayMs }: Required<RelayOptions>): number | null =>
  attempts >= maxAttempts ? null : backoffMs(retryDelayMs, attempts - 1, MAX_DELAY_MS)
