import type { Delivery } from '../core/delivery.ts'
import { fingerprintOf } from './fingerprint.ts'
import { storable } from './storable.ts'
import type { SqlClient } from './transaction.ts'

/** What a group remembers of an entry that it processed. Of a copy it is the copy's own position. */
export interface InboxRow {
  readonly stream: string
  readonly group: string
  readonly position: string
  readonly fingerprint: string
}

/** The columns of rows, in the order of {@link inInboxOrder}. */
export const inboxColumns = (rows: readonly InboxRow[]): [string[], string[], string[], string[]] => [
  rows.map(({ stream }) => stream),
  rows.map(({ group }) => group),
  rows.map(({ position }) => position),
  rows.map(({ fingerprint }) => fingerprint),
]

const keyOf = ({ stream, group, position, fingerprint }: InboxRow): string =>
  `${stream}\0${group}\0${position}\0${fingerprint}`

/** One order for all who write several rows, so that none of them deadlock. */
export const inInboxOrder = <Row extends InboxRow>(rows: readonly Row[]): Row[] =>
  rows
    .map((row) => ({ row, key: keyOf(row) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ row }) => row)

/** A row that another transaction is writing is waited for: it is there when that commits, and ours when it does not. */
const CLAIM = `
  INSERT INTO millrace_inbox (stream, "group", position, fingerprint)
  SELECT stream, "group", position, fingerprint::uuid
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS claim (stream, "group", position, fingerprint)
  ON CONFLICT DO NOTHING
  RETURNING stream, "group", position, replace(fingerprint::text, '-', '') AS fingerprint`

/** Writes the inbox rows of deliveries and answers those that had none, in the order given. */
export async function claimDeliveries<D extends Delivery>(
  client: SqlClient,
  deliveries: readonly D[],
): Promise<D[]> {
  const rows = inInboxOrder(deliveries.map(rowOf))
  const claimed = await client.query(CLAIM, inboxColumns(rows))
  const keys = new Set((claimed.rows as InboxRow[]).map(keyOf))
  return deliveries.filter((delivery) => keys.has(keyOf(rowOf(delivery))))
}

const rowOf = ({ stream, group, entry }: Delivery): InboxRow => ({
  stream: storable(stream),
  group: storable(group),
  position: entry.position,
  fingerprint: fingerprintOf(entry.fields),
})
