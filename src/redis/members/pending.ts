import { InvalidError, MillraceError, type Issue } from '../../core/errors.ts'
import type { PendingEntry, PendingFilter, PendingPage } from '../../core/group-members.ts'
import { checkName } from '../../core/names.ts'
import { FIRST_POSITION } from '../../core/position.ts'
import type { Connection } from '../connection.ts'
import { fromInlet, INLET_PREFIX, isInInlet, toInlet } from '../group/inlet-position.ts'
import { groupKeys, inletKey } from '../keys.ts'
import { accept, refuse } from '../operations/refusal.ts'
import { pendingScript, type PendingRow } from './reading-scripts.ts'
import { isPendingPosition } from './selection.ts'

const MAX_PAGE = 1_000
/** How many are looked at where some are left out. */
const SCAN = 1_000

/** A page of a stream's entries, or of the copies behind them: the inlet follows when the stream is through. */
export async function readPending(
  connection: Connection,
  stream: string,
  group: string,
  filter: PendingFilter,
  { after = '', limit = 100 }: PendingPage,
): Promise<{ entries: PendingEntry[]; next?: string }> {
  checkPage(filter, after, limit)
  const { consumer = '', minIdleMs = 0 } = filter
  const inlet = isInInlet(after)
  const key = inlet ? inletKey(stream, group) : stream
  const { retry } = groupKeys(key, group)
  const from = after === '' ? '-' : `(${inlet ? toInlet(after) : after}`
  const scan = minIdleMs > 0 ? SCAN : limit
  const answer = await pendingScript
    .run(
      connection,
      [key, retry, groupKeys(stream, group).heartbeats, inletKey(stream, group)],
      [group, from, String(limit), String(scan), consumer, String(minIdleMs)],
    )
    .catch(refuse(stream))
  // An inlet ends with its last entry.
  if (inlet && typeof answer === 'string') return { entries: [] }
  if (answer === 'unknown-consumer') throw unknownConsumer(group, consumer)
  const [rows, next, hasInlet] = accept({ stream, group }, answer)
  const entries = rows.map((row) => toEntry(row, inlet))
  if (next !== '') return { entries, next: inlet ? fromInlet(next) : next }
  return hasInlet === 1 && !inlet ? { entries, next: INLET_PREFIX + FIRST_POSITION } : { entries }
}

function toEntry([id, consumer, idleMs, deliveries, due]: PendingRow, inlet: boolean): PendingEntry {
  const position = inlet ? fromInlet(id) : id
  return {
    position,
    consumer,
    idleMs,
    deliveries,
    ...(due !== '' && { dueAt: Math.ceil(Number(due)) }),
  }
}

function checkPage({ consumer, minIdleMs }: PendingFilter, after: string, limit: number): void {
  if (consumer !== undefined) checkName('consumer name', consumer)
  const issues: Issue[] = []
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE)
    issues.push({ path: 'limit', message: `must be a whole number from 1 to ${MAX_PAGE}, not ${limit}` })
  if (after !== '' && !isPendingPosition(after))
    issues.push({ path: 'after', message: 'must be `next` of the page before' })
  if (minIdleMs !== undefined && !(Number.isSafeInteger(minIdleMs) && minIdleMs >= 0))
    issues.push({ path: 'minIdleMs', message: `must be a whole number of ms from 0 on, not ${minIdleMs}` })
  if (issues.length > 0) throw new InvalidError('CONFIGURATION_INVALID', 'there is no such page', issues)
}

export const unknownConsumer = (group: string, consumer: string): MillraceError =>
  new MillraceError(
    'UNKNOWN_CONSUMER',
    `the group "${group}" has no consumer "${consumer}"; list its consumers`,
  )
