import type { Entry } from '../../core/stream-log.ts'
import type { Connection } from '../connection.ts'

/** What a reply may take beyond BLOCK before the connection counts as dead, in ms. */
const REPLY_GRACE_MS = 1_500

type Row = [position: string, fields: string[]]

/** Entries after a position of each stream, in the order of the streams, all of which are in one slot. */
export async function readStreams(
  connection: Connection,
  from: readonly (readonly [stream: string, after: string])[],
  limit: number,
  waitMs: number,
): Promise<Entry[][]> {
  const streams = [...from.map(([stream]) => stream), ...from.map(([, after]) => after)]
  const args = ['XREAD', 'COUNT', String(limit), 'BLOCK', String(waitMs), 'STREAMS', ...streams]
  const reply = await connection.send<[string, Row[]][] | null>(args, waitMs + REPLY_GRACE_MS)
  const rows = new Map(reply)
  return from.map(([stream]) => (rows.get(stream) ?? []).map(toEntry))
}

const toEntry = ([position, fields]: Row): Entry => ({ position, fields })
