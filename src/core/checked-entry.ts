import { encodeEvent } from './codec.ts'
import { durabilityIssues } from './durability.ts'
import { sizeOf } from './entry-size.ts'
import { InvalidError, MillraceError } from './errors.ts'
import type { NewEvent } from './event.ts'
import { checkName } from './names.ts'
import type { NewEntry } from './stream-log.ts'

/** Largest event, all its fields together, in bytes (1 MiB), unless configured otherwise. */
export const DEFAULT_MAX_EVENT_BYTES = 1_048_576
const MAX_FIELDS = 256

/** What is written of one event that was checked: one entry, several where middleware split it, or none. */
export type PreparedEvent = readonly NewEntry[]

/**
 * The entry of an event, when nothing speaks against it that can be known before it is written. Its data is checked
 * against its declaration elsewhere.
 *
 * @param dataJson the data as JSON, where somebody has them so already
 * @throws MillraceError `EVENT_INVALID`, `EVENT_TOO_LARGE` or `NAME_INVALID`
 */
export function checkedEntry(
  event: NewEvent,
  maxEventBytes = DEFAULT_MAX_EVENT_BYTES,
  dataJson?: string,
): NewEntry {
  if (event.key !== undefined) checkName('key', event.key)
  if (event.id !== undefined) checkName('event id', event.id)
  if (event.time !== undefined) checkTime(event.time)
  const fields = encodeEvent(event, dataJson)
  checkSize(fields, maxEventBytes)
  const { idempotencyKey, durability } = event
  if (idempotencyKey !== undefined) checkName('idempotency key', idempotencyKey)
  if (durability === undefined) return idempotencyKey === undefined ? { fields } : { fields, idempotencyKey }
  const issues = durabilityIssues(durability)
  if (issues.length > 0) throw new InvalidError('EVENT_INVALID', 'the event has no valid durability', issues)
  return { fields, durability, ...(idempotencyKey !== undefined && { idempotencyKey }) }
}

/**
 * Refuses what only a publisher can keep: whoever writes the entry later, or by another script, waits for no replica.
 *
 * @throws InvalidError `EVENT_INVALID`
 */
export function refuseDurability({ durability }: NewEvent): void {
  if (durability === undefined) return
  const message = 'holds for what is published at once; leave it out here'
  throw new InvalidError('EVENT_INVALID', 'the event can not wait for replicas', [
    { path: 'durability', message },
  ])
}

function checkSize(fields: readonly string[], maxEventBytes: number): void {
  if (fields.length > 2 * MAX_FIELDS) {
    throw new MillraceError(
      'EVENT_INVALID',
      `an event has at most ${MAX_FIELDS} fields, this one ${fields.length / 2}`,
    )
  }
  // Counting bytes costs; a UTF-16 unit is three bytes at most, so small events need no count.
  if (sizeOf(fields) * 3 <= maxEventBytes) return
  const bytes = fields.reduce((sum, part) => sum + Buffer.byteLength(part), 0)
  if (bytes <= maxEventBytes) return
  const message = `the event has ${bytes} bytes, at most ${maxEventBytes} are allowed; store large data elsewhere and publish a reference`
  throw new MillraceError('EVENT_TOO_LARGE', message)
}

/** TypeScript may be absent: a Date would be written as something else than what is read back. */
function checkTime(time: unknown): void {
  if (typeof time === 'string' && !Number.isNaN(Date.parse(time))) return
  const message = 'must be a date in ISO 8601, such as 2026-01-28T10:00:00Z'
  throw new InvalidError('EVENT_INVALID', 'the event has no valid time', [{ path: 'time', message }])
}
