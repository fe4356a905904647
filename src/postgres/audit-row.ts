import type { AuditFact } from '../core/audit.ts'
import { fingerprintOf } from './fingerprint.ts'
import { payloadText } from './payload.ts'

/** What one row of the audit trail becomes, and the groups whose inbox the entry goes into. */
export interface AuditRow {
  /** Stream, position and fingerprint in one: the same for everything told of one entry. */
  readonly key: string
  readonly stream: string
  readonly position: string
  readonly fingerprint: string
  readonly eventType: string
  readonly userId: string | null
  readonly payload: string
  readonly state: AuditFact['state']
  readonly consumer: string | null
  readonly error: string | null
  readonly processedBy: readonly string[]
}

/** Longest type and user id, in UTF-16 units. Longer ones are cut: they are for looking up, and an index has limits. */
const MAX_NAME_LENGTH = 256
const MAX_ERROR_LENGTH = 8_000
/** A message to PostgreSQL ends at 1 GB, and a character can take several bytes, some of them twice. */
const MAX_PAYLOAD_LENGTH = 100_000_000

/** Never throws: what can't be kept as it stands is kept as well as it can be, so that no entry waits for ever. */
export function toAuditRow(fact: AuditFact): AuditRow {
  const { entry } = fact
  const state = fact.main ? fact.state : 'pending'
  const stream = storable(fact.stream)
  const fingerprint = fingerprintOf(entry.fields)
  const ended = state !== 'pending'
  const row: AuditRow = {
    key: `${stream}\0${entry.position}\0${fingerprint}`,
    stream,
    position: entry.position,
    fingerprint,
    eventType: storableName(typeOf(fact)),
    userId: userIdOf(fact.event?.data),
    payload: storable(payloadText(entry, fact.event)),
    state,
    consumer: ended ? storable(fact.consumer) : null,
    error: ended && fact.error !== undefined ? storable(fact.error.slice(0, MAX_ERROR_LENGTH)) : null,
    processedBy: fact.state === 'processed' ? [storable(fact.group)] : [],
  }
  return row.payload.length > MAX_PAYLOAD_LENGTH ? withoutPayload(row, 'it is too long') : row
}

/** The row for a payload that can't be kept. */
export const withoutPayload = (row: AuditRow, reason: string): AuditRow => ({
  ...row,
  payload: 'null',
  error: [row.error, `the payload could not be kept: ${storable(reason)}`].filter(Boolean).join('; '),
})

const RANK = { pending: 0, failed: 1, processed: 2 }

/** Everything told of one entry, as one row: the state that is furthest, and everybody's inbox. */
export function mergeRows(a: AuditRow, b: AuditRow): AuditRow {
  const winner = RANK[b.state] > RANK[a.state] ? b : a
  return { ...winner, processedBy: [...new Set([...a.processedBy, ...b.processedBy])] }
}

/** A text as PostgreSQL takes it: it has no place for NUL. */
export const storable = (text: string): string =>
  text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text

/** A type or user id as it stands in its column, and as it is to be looked up. */
export const storableName = (name: string): string => storable(name.slice(0, MAX_NAME_LENGTH))

/** What can't be decoded has a type all the same, if one of the known fields says so. */
function typeOf({ event, entry: { fields }, stream }: AuditFact): string {
  if (event) return event.type
  for (const name of ['type', 'eventType', 'event']) {
    const at = fields.findIndex((part, index) => index % 2 === 0 && part === name)
    if (at >= 0) return fields[at + 1] ?? stream
  }
  return stream
}

function userIdOf(data: unknown): string | null {
  const { userId } = (data ?? {}) as { userId?: unknown }
  return typeof userId === 'string' ? storableName(userId) : null
}
