import { storable, storableName } from './storable.ts'
import type {
  EventFilter,
  EventPage,
  EventStats,
  ProcessedEvent,
  ProcessedEvents,
} from '../core/processed-events.ts'
import type { Database } from './database.ts'
import { payloadValue } from './payload.ts'

const MAX_EVENT_TYPES = 1_000

export class PostgresProcessedEvents implements ProcessedEvents {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async list({ limit, offset, ...filter }: EventPage): Promise<{ events: ProcessedEvent[]; total: number }> {
    const [events, total] = await Promise.all([this.#page(filter, limit, offset), this.#count(filter)])
    return { events, total }
  }

  async stats(): Promise<EventStats> {
    const [row] = await this.#database.query<EventStats>(
      `WITH types AS (SELECT event_type, count(*) FROM millrace_audit GROUP BY event_type),
        unprocessed AS (
          SELECT count(*) FILTER (WHERE state = 'pending') AS pending,
                 count(*) FILTER (WHERE state = 'failed') AS errors
          FROM millrace_audit WHERE state <> 'processed'),
        total AS (SELECT coalesce(sum(count), 0) AS total FROM types),
        frequent AS (SELECT * FROM types ORDER BY count DESC, event_type LIMIT ${MAX_EVENT_TYPES})
      SELECT total::float8, (total - pending - errors)::float8 AS processed, pending::float8, errors::float8,
        (SELECT coalesce(json_agg(json_build_object('eventType', event_type, 'count', count)), '[]') FROM frequent)
          AS "eventTypes"
      FROM total, unprocessed`,
    )
    return row!
  }

  /** The page is found in an index alone; rows that are passed over are never read. */
  async #page(filter: EventFilter, limit: number, offset: number): Promise<ProcessedEvent[]> {
    const { where, values } = conditions(filter)
    const rows = await this.#database.query<AuditRecord>(
      `SELECT id, position, stream, event_type, payload, state, processed_at, consumer, user_id, error, created_at
       FROM millrace_audit
       WHERE id IN (
         SELECT id FROM millrace_audit ${where} ORDER BY id DESC
         LIMIT $${values.length + 1} OFFSET $${values.length + 2}
       )
       ORDER BY id DESC`,
      [...values, limit, offset],
    )
    return rows.map(toProcessedEvent)
  }

  /** What is processed is nearly everything, and cheaper counted as all without what is not. */
  async #count({ processed, ...filter }: EventFilter): Promise<number> {
    const all = conditions(filter)
    const unprocessed = conditions({ ...filter, processed: false })
    const count = ({ where }: { where: string }) => `(SELECT count(*) FROM millrace_audit ${where})`
    const expression =
      processed === undefined
        ? count(all)
        : processed
          ? `${count(all)} - ${count(unprocessed)}`
          : count(unprocessed)
    const [row] = await this.#database.query<{ total: number }>(
      `SELECT (${expression})::float8 AS total`,
      all.values,
    )
    return row!.total
  }
}

interface Conditions {
  where: string
  values: unknown[]
}

function conditions({ eventType, processed, streamName, userId }: EventFilter): Conditions {
  const values: unknown[] = []
  const all: string[] = []
  if (eventType !== undefined) all.push(`event_type = $${values.push(storableName(eventType))}`)
  if (streamName !== undefined) all.push(`stream = $${values.push(storable(streamName))}`)
  if (userId !== undefined) all.push(`user_id = $${values.push(storableName(userId))}`)
  if (processed !== undefined) all.push(processed ? `state = 'processed'` : `state <> 'processed'`)
  return { where: all.length > 0 ? `WHERE ${all.join(' AND ')}` : '', values }
}

interface AuditRecord {
  id: string
  position: string
  stream: string
  event_type: string
  payload: string
  state: string
  processed_at: Date | null
  consumer: string | null
  user_id: string | null
  error: string | null
  created_at: Date
}

const toProcessedEvent = (row: AuditRecord): ProcessedEvent => ({
  id: row.id,
  streamId: row.position,
  streamName: row.stream,
  eventType: row.event_type,
  payload: payloadValue(row.payload),
  processed: row.state === 'processed',
  processedAt: row.processed_at?.toISOString() ?? null,
  consumerId: row.consumer,
  userId: row.user_id,
  error: row.error,
  createdAt: row.created_at.toISOString(),
})
