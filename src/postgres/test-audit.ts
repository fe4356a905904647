import type { AuditFact } from '../core/audit.ts'
import { decodeEntry } from '../core/codec.ts'
import type { Entry } from '../core/stream-log.ts'
import { queryOnce } from './test-database.ts'

export const entryOf = (position: string, data: unknown = { n: position }): Entry => ({
  position,
  fields: ['type', 'thing.done', 'data', JSON.stringify(data)],
})

/** That an entry was processed, unless `more` says otherwise. */
export const factOf = (entry: Entry, more: Partial<AuditFact> = {}): AuditFact => ({
  event: decodeEntry('things', entry),
  ...undecodedFactOf(entry, more),
})

export const undecodedFactOf = (entry: Entry, more: Partial<AuditFact> = {}): AuditFact => ({
  stream: 'things',
  entry,
  group: 'main',
  consumer: 'consumer-1',
  state: 'processed',
  main: true,
  ...more,
})

export interface Row {
  position: string
  stream: string
  event_type: string
  payload: string
  payload_json: unknown
  state: string
  error: string | null
}

export const auditRows = (url: string) => queryOnce<Row>(url, 'SELECT * FROM millrace_audit ORDER BY id')

export const inboxRows = (url: string) =>
  queryOnce<{ position: string; group: string }>(
    url,
    'SELECT * FROM millrace_inbox ORDER BY position, "group"',
  )
