import { DEAD_AFTER_MS, LANES, MAX_HELD, traitsOf } from '../load.ts'
import type { History, PastFault } from './history.ts'
import type { Ledger } from './ledger.ts'
import type { Found } from './observe.ts'
import type { Violation } from './report.ts'

/** A connection that was broken is given up by its deadline of 5 s, and by then others may have taken over. */
const AFTERMATH_MS = 10_000 + 2 * DEAD_AFTER_MS

/** Effects in PostgreSQL, and those that travel with the acknowledgement, happen once. */
export function checkExactlyOnce(ledger: Ledger, history: History, found: Found): Violation[] {
  const { lane } = ledger
  const { effects } = LANES[lane]
  if (effects === 'file') return []
  const counts = effects === 'inbox' ? found.databaseEffects : ledger.produced
  const violations: Violation[] = []
  for (const [id, count] of counts) {
    const publication = ledger.published.get(id)
    const copies = ledger.positions.get(id)?.size ?? 1
    const poison = traitsOf(lane, id).poison
    // In Redis, what a group that was destroyed had not recorded as done is done again.
    const again =
      effects === 'produced' &&
      LANES[lane].groups.some((group) =>
        [...(ledger.positions.get(id) ?? [])].some((position) => history.wasForgotten(lane, group, position)),
      )
    if (count <= copies && !poison && publication?.outcome !== 'failed') continue
    if (again && !poison) continue
    violations.push({
      invariant: 'exactly-once',
      subject: id,
      expected: poison ? 'no effect' : 'one effect',
      found: `${count} effects`,
      lane,
      eventId: id,
      at: publication?.at ?? 0,
    })
  }
  return violations
}

export interface Repeated {
  readonly violations: Violation[]
  readonly count: number
}

/** Without the inbox, what runs twice does so for a fault, and no fault has more than what was in flight repeated. */
export function checkRepeats(ledger: Ledger, history: History, workers: number): Repeated {
  const repeated: Repeated[] = LANES[ledger.lane].groups.map((group) =>
    repeatsOf(ledger, group, history, workers),
  )
  return {
    violations: repeated.flatMap(({ violations }) => violations),
    count: repeated.reduce((sum, { count }) => sum + count, 0),
  }
}

function repeatsOf(ledger: Ledger, group: string, history: History, workers: number): Repeated {
  const { lane } = ledger
  const violations: Violation[] = []
  const perFault = new Map<PastFault, number>()
  let count = 0
  for (const [id, { effects }] of ledger.work.get(group)!) {
    for (let n = 1; n < effects.length; n++) {
      count++
      const [before, repeat] = [effects[n - 1]!, effects[n]!]
      if (history.wasForgotten(lane, group, repeat.position)) continue
      const cause = history.during(before.at - AFTERMATH_MS, repeat.at).at(-1)
      if (cause) perFault.set(cause, (perFault.get(cause) ?? 0) + 1)
      else
        violations.push({
          invariant: 'repeat',
          subject: `${id} in ${group}`,
          expected: 'one effect, since no fault was near',
          found: `effects by ${before.who} and, ${repeat.at - before.at} ms later, by ${repeat.who}`,
          lane,
          eventId: id,
          at: repeat.at,
        })
    }
  }
  for (const [fault, repeats] of perFault) {
    const most = MAX_HELD * workers
    // What was acknowledged in the last seconds before the kill is not known any more.
    if (repeats > most && !fault.note.rolledBack)
      violations.push({
        invariant: 'repeats',
        subject: `${group} after fault ${fault.n} ${fault.kind}`,
        expected: `at most ${most} repeats: what ${workers} workers may hold`,
        found: `${repeats}`,
        at: fault.begin,
      })
  }
  return { violations, count }
}
