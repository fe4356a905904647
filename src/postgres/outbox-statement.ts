/** Told in the transaction that adds events, so that it arrives when they can be seen. */
export const ADDED_CHANNEL = 'millrace_outbox_added'
/** Told with JSON arrays of `[event id, position]`, so that any process learns what any relay published. */
export const PUBLISHED_CHANNEL = 'millrace_outbox_published'

/** One statement for an event and the word of it. That of many takes PostgreSQL twice as long to plan. */
export const ADD_ONE = `
  INSERT INTO millrace_outbox (partition, stream, key, event_id, idempotency_key, fields, size)
  VALUES ($1::smallint, $2::text, $3::text, $4::text, $5::text, $6::text, length($6::text))
  RETURNING pg_notify('${ADDED_CHANNEL}', '')::text AS told`

/** The same for many, with an array of each column; PostgreSQL sends one word per transaction. */
export const ADD = `
  WITH added AS (
    INSERT INTO millrace_outbox (partition, stream, key, event_id, idempotency_key, fields, size)
    SELECT partition, stream, key, event_id, idempotency_key, fields, length(fields)
    FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
      WITH ORDINALITY AS event (partition, stream, key, event_id, idempotency_key, fields, n)
    ORDER BY n
  )
  SELECT pg_notify('${ADDED_CHANNEL}', '')::text AS told`

/** Any number, the same in all instances for ever. The second half of a lock is the partition. */
const LOCKS = 731_140_683

/**
 * Those of the partitions $1 that are ours alone until the transaction ends. A statement of its own, so that the next
 * one sees all that whoever held them before has left.
 */
export const LOCK_PARTITIONS = `
  SELECT partition FROM unnest($1::smallint[]) AS partition
  WHERE pg_try_advisory_xact_lock(${LOCKS}, partition)`

export interface DuePartition {
  partition: number
  /** Rows that may be published now, counted up to what a partition needs to go alone. */
  due: number
}

/**
 * Of the first $1 partitions those in which something may be published now, counted up to $2 rows each. In their
 * order, so that PostgreSQL walks along the index and does not search the whole table for them.
 */
export const DUE_PARTITIONS = `
  SELECT partition, due
  FROM generate_series(0, $1 - 1) AS partition CROSS JOIN LATERAL (
    SELECT count(*)::integer AS due FROM (
      SELECT FROM millrace_outbox AS event
      WHERE event.partition = partition.partition AND failed_at IS NULL AND due_at <= now()
      ORDER BY id LIMIT $2
    ) AS first
  ) AS counted
  WHERE due > 0`

/** How long ago the oldest waiting row was added, in ms, by the first of each partition: however many wait. */
export const OLDEST_AGE = `
  SELECT greatest(extract(epoch FROM clock_timestamp() - min(first.created_at)) * 1000, 0)::float8 AS age
  FROM generate_series(0, $1 - 1) AS partition CROSS JOIN LATERAL (
    SELECT created_at FROM millrace_outbox AS event
    WHERE event.partition = partition.partition AND failed_at IS NULL ORDER BY id LIMIT 1
  ) AS first`

export interface OutboxRow {
  id: string
  stream: string
  key: string | null
  event_id: string
  idempotency_key: string
  fields: string
  attempts: number
}

/**
 * What may be published from the partitions $1 now, oldest first: at most $2 rows and about $3 characters. A key of
 * which one event waits for its next attempt waits with it. Each partition is read from its beginning, so that a long
 * one costs no more than a short one.
 */
export const TAKE = `
  WITH taken AS MATERIALIZED (
    SELECT first.* FROM unnest($1::smallint[]) AS mine (partition) CROSS JOIN LATERAL (
      SELECT id, stream, key, event_id, idempotency_key, fields, size, attempts
      FROM millrace_outbox AS event
      WHERE event.partition = mine.partition AND failed_at IS NULL AND due_at <= now() AND NOT EXISTS (
        SELECT FROM millrace_outbox AS head
        WHERE head.partition = mine.partition AND head.attempts > 0 AND head.failed_at IS NULL
          AND head.due_at > now() AND head.stream = event.stream AND head.key = event.key AND head.id < event.id
      )
      ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
    ) AS first
    ORDER BY id LIMIT $2
  )
  SELECT id, stream, key, event_id, idempotency_key, fields, attempts
  FROM (SELECT *, sum(size) OVER (ORDER BY id) - size AS size_before FROM taken) AS measured
  WHERE size_before < $3 ORDER BY id`

/** Ends rows that were published, and tells so. */
export const FINISH = `
  WITH finished AS (DELETE FROM millrace_outbox WHERE id = ANY($1::bigint[]))
  SELECT pg_notify('${PUBLISHED_CHANNEL}', told)::text FROM unnest($2::text[]) AS told`

/** Sets when rows that could not be published are tried again; without a delay they are given up. */
export const POSTPONE = `
  UPDATE millrace_outbox AS event
  SET attempts = attempts + 1,
      error = failure.error,
      due_at = clock_timestamp() + coalesce(delay_ms, 0) * interval '1 millisecond',
      failed_at = CASE WHEN delay_ms IS NULL THEN clock_timestamp() END
  FROM unnest($1::bigint[], $2::text[], $3::integer[]) AS failure (id, error, delay_ms)
  WHERE event.id = failure.id`
