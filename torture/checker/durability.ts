import { DURABLE_LANE } from '../load.ts'
import type { History } from './history.ts'
import type { Ledger } from './ledger.ts'
import { timeOf } from './positions.ts'
import type { Violation } from './report.ts'

/** What waited for a replica is not `ok` before one said that it has it: none did while all of them stood still. */
export function checkDurability({ lane, published }: Ledger, history: History): Violation[] {
  if (lane !== DURABLE_LANE) return []
  const violations: Violation[] = []
  for (const { n, note } of history.faults) {
    if (!note.mute) continue
    const { fromMs, toMs } = note.mute
    for (const [id, { outcome, position, answeredAt }] of published)
      if (outcome === 'ok' && timeOf(position) > fromMs && answeredAt < toMs)
        violations.push({
          invariant: 'durability',
          subject: `${id} at ${position}`,
          expected: `not ok before a replica has it: all stood still for ${toMs - fromMs} ms`,
          found: `ok, ${answeredAt - fromMs} ms after fault ${n} had begun`,
          lane,
          eventId: id,
          at: answeredAt,
        })
  }
  return violations
}
