import type { Ledger } from './ledger.ts'
import { isBefore } from './positions.ts'
import type { Violation } from './report.ts'

/**
 * In the lane whose group has `order: 'key'`, events of one key start, and take effect, in the order of their
 * positions. What is repeated was in its place the first time.
 */
export function checkOrder(ledger: Ledger): Violation[] {
  if (ledger.lane !== 'ordered') return []
  const starts = [...ledger.work.get('ordered')!].map(
    ([
      id,
      {
        starts: [first],
      },
    ]) => ({ id, first: first!.position }),
  )
  const positionOf = new Map(starts.map(({ id, first }) => [id, first]))
  const produced = [...ledger.produced.keys()].flatMap((id) => {
    const first = positionOf.get(id)
    return first === undefined ? [] : [{ id, first }]
  })
  return [...outOfOrder(ledger, 'start', starts), ...outOfOrder(ledger, 'effect', produced)]
}

function outOfOrder(
  ledger: Ledger,
  what: string,
  rows: readonly { id: string; first: string }[],
): Violation[] {
  const last = new Map<string, { id: string; first: string }>()
  const violations: Violation[] = []
  for (const row of rows) {
    const key = ledger.published.get(row.id)?.key
    if (key === undefined) continue
    const before = last.get(key)
    if (before && isBefore(row.first, before.first))
      violations.push({
        invariant: 'order',
        subject: `${row.id} of ${key}`,
        expected: `its first ${what} before that of ${before.id}, which stands behind it`,
        found: `${row.first} after ${before.first}`,
        lane: ledger.lane,
        eventId: row.id,
        at: ledger.work.get('ordered')!.get(row.id)?.starts[0]?.at ?? 0,
      })
    else last.set(key, row)
  }
  return violations
}
