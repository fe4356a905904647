import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError, toError, type ErrorCode } from '../core/errors.ts'
import type { NewEntry, StreamLog } from '../core/stream-log.ts'
import type { OutboxRow } from './outbox-statement.ts'

/** What became of rows. Those that stand nowhere were not tried, or nobody knows. */
export interface Publishing {
  readonly published: { row: OutboxRow; position: string }[]
  /** Refused for reasons that lie in the row or its stream. */
  readonly refused: { row: OutboxRow; error: Error }[]
  /** Why the log takes nothing at the moment. */
  outage: Error | undefined
}

/** The log could not be had, or could not write anything; nothing is wrong with the row. */
const OUTAGES: ReadonlySet<ErrorCode> = new Set([
  'CLOSED',
  'PUBLISH_QUEUE_FULL',
  'PUBLISH_UNCERTAIN',
  'REDIS_UNAVAILABLE',
  'REDIS_UNCERTAIN',
])
/** How Redis's answer begins when it can't write anything for a while. */
const BUSY = /^(?:LOADING|BUSY|OOM|MISCONF|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|READONLY|NOAUTH)\b/

/**
 * Publishes rows, which stand in their order. An event is written only when the one before it of its key has its
 * position, so that whatever fails or is sent again in between, the order of a key stands. What is refused holds up the
 * rest of its key; rows that were refused before travel alone, so that none is refused for the sake of another. The
 * streams go beside each other, so that one that can't be written to keeps none of the others waiting.
 *
 * @param deadline on the clock of `performance.now`; what is not answered then counts as an outage
 */
export async function publishRows(
  log: StreamLog,
  rows: readonly OutboxRow[],
  deadline: number,
): Promise<Publishing> {
  const publishing: Publishing = { published: [], refused: [], outage: undefined }
  await Promise.all(byStream(rows).map((some) => publishStream(log, some, deadline, publishing)))
  return publishing
}

async function publishStream(
  log: StreamLog,
  rows: readonly OutboxRow[],
  deadline: number,
  publishing: Publishing,
): Promise<void> {
  for (let queues = keyQueues(rows); queues.length > 0 && !publishing.outage;) {
    const answered = new Set<OutboxRow>()
    for (const shipment of shipments(queues.map(([head]) => head!))) {
      for (const row of await ship(log, shipment, deadline, publishing)) answered.add(row)
      if (publishing.outage) break
    }
    queues = queues.filter(([head]) => answered.has(head!)).map((queue) => queue.slice(1))
    queues = queues.filter((queue) => queue.length > 0)
  }
}

function byStream(rows: readonly OutboxRow[]): OutboxRow[][] {
  const streams = new Map<string, OutboxRow[]>()
  for (const row of rows) {
    const others = streams.get(row.stream)
    if (others) others.push(row)
    else streams.set(row.stream, [row])
  }
  return [...streams.values()]
}

/** The rows of each key of one stream; those without one are alone. */
function keyQueues(rows: readonly OutboxRow[]): OutboxRow[][] {
  const queues = new Map<string, OutboxRow[]>()
  for (const row of rows) {
    const name = row.key === null ? `row ${row.id}` : `key ${row.key}`
    const queue = queues.get(name)
    if (queue) queue.push(row)
    else queues.set(name, [row])
  }
  return [...queues.values()]
}

/** What is written with one call: the rows together, and alone what was refused before. */
function shipments(rows: readonly OutboxRow[]): OutboxRow[][] {
  const together = rows.filter(({ attempts }) => attempts === 0)
  const alone = rows.filter(({ attempts }) => attempts > 0).map((row) => [row])
  return together.length > 0 ? [together, ...alone] : alone
}

/** Writes rows of one stream with one call and answers those that were published. */
async function ship(
  log: StreamLog,
  rows: readonly OutboxRow[],
  deadline: number,
  publishing: Publishing,
): Promise<OutboxRow[]> {
  const results = await append(log, rows, deadline)
  const published: OutboxRow[] = []
  for (const [index, row] of rows.entries()) {
    const result = results[index]!
    if (typeof result === 'string') {
      publishing.published.push({ row, position: result })
      published.push(row)
    } else if (isOutage(result)) publishing.outage ??= result
    else publishing.refused.push({ row, error: result })
  }
  return published
}

async function append(
  log: StreamLog,
  rows: readonly OutboxRow[],
  deadline: number,
): Promise<readonly (string | Error)[]> {
  const timer = new AbortController()
  const late = sleep(Math.max(deadline - performance.now(), 0), undefined, { signal: timer.signal }).then(
    () => new MillraceError('PUBLISH_UNCERTAIN', 'the log took too long to answer'),
  )
  // Ends with the timer.
  late.catch(() => {})
  try {
    const results = await Promise.race([log.append(rows[0]!.stream, rows.map(toEntry)), late])
    return results instanceof Error ? rows.map(() => results) : results
  } catch (error) {
    return rows.map(() => toError(error))
  } finally {
    timer.abort()
  }
}

const toEntry = (row: OutboxRow): NewEntry => ({
  fields: JSON.parse(row.fields) as string[],
  idempotencyKey: row.idempotency_key,
})

const isOutage = (error: Error): boolean =>
  error instanceof MillraceError &&
  (OUTAGES.has(error.code) || (error.code === 'REDIS_REFUSED' && BUSY.test(toError(error.cause).message)))
