import type { AuditFact } from '../core/audit.ts'
import { originalFields } from '../core/original-fields.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { InboxRow } from './inbox-statement.ts'
import { payloadText } from './payload.ts'
import { storable, storableName } from './storable.ts'

/** What one row of the audit trail becomes, and the inbox rows that are written with it. */
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
  readonly inbox: readonly InboxRow[]
}

const MAX_ERROR_LENGTH = 8_000
/** A message to PostgreSQL ends at 1 GB, and a character can take several bytes, some of them twice. */
const MAX_PAYLOAD_LENGTH = 100_000_000

/** Never throws: what can't be kept as it stands is kept as well as it can be, so that no entry waits for ever. */
export function toAuditRow(fact: AuditFact): AuditRow {
  const { entry } = fact
  const state = fact.main ? fact.state : 'pending'
  const stream = storable(fact.stream)
  const position = fact.copyOf ?? entry.position
  const own = fingerprintOf(entry.fields)
  const fingerprint =
    fact.copyOf === undefined ? own : fingerprintOf(originalFields(entry.fields, fact.stream, position))
  const ended = state !== 'pending'
  const row: AuditRow = {
    key: `${stream}\0${position}\0${fingerprint}`,
    stream,
    position,
    fingerprint,
    eventType: storableName(typeOf(fact)),
    userId: userIdOf(fact.event?.data),
    payload: storable(payloadText(entry, fact.event)),
    state,
    consumer: ended ? storable(fact.consumer) : null,
    error: ended && fact.error !== undefined ? storable(fact.error.slice(0, MAX_ERROR_LENGTH)) : null,
    inbox: fact.state === 'processed' && !fact.producing ? [inboxRowOf(fact, own)] : [],
  }
  return row.payload.length > MAX_PAYLOAD_LENGTH ? withoutPayload(row, 'it is too long') : row
}

/** Of a copy it is the copy itself, as it is when a handler of the inbox writes it. */
const inboxRowOf = ({ stream, group, entry }: AuditFact, fingerprint: string): InboxRow => ({
  stream: storable(stream),
  group: storable(group),
  position: entry.position,
  fingerprint,
})

/** The row for a payload that can't be kept. */
export const withoutPayload = (row: AuditRow, reason: string): AuditRow => ({
  ...row,
  payload: 'null',
  error: [row.error, `the payload could not be kept: ${storable(reason)}`].filter(Boolean).join('; '),
})

const RANK = { pending: 0, failed: 1, processed: 2 }

/** Everything told of one entry, as one row: the state that is furthest, and everybody's inbox. A row may come twice. */
export function mergeRows(a: AuditRow, b: AuditRow): AuditRow {
  const winner = RANK[b.state] > RANK[a.state] ? b : a
  return { ...winner, inbox: [...a.inbox, ...b.inbox] }
}

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
