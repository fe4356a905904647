import { ATTEMPTS, LANES, traitsOf } from '../load.ts'
import type { History, PastFault } from './history.ts'
import type { Ledger, Publication, Work } from './ledger.ts'
import type { Found } from './observe.ts'
import { timeOf } from './positions.ts'
import type { Violation } from './report.ts'

export interface Delivered {
  readonly violations: Violation[]
  /** What faults destroyed of what was accepted, entry by entry. */
  readonly destroyed: string[]
}

/** A tombstone: an entry that was trimmed away while it was pending. */
export const TRIMMED = 'ENTRY_TRIMMED'

/**
 * Every `ok` is processed, dead-lettered or reported as trimmed, in every group, less only what a fault destroyed;
 * `failed` never appears; nothing appears twice.
 */
export function checkDelivery(ledger: Ledger, history: History, found: Found): Delivered {
  const violations = [...failedThatAppear(ledger), ...twice(ledger, history), ...unknownOrigin(ledger)]
  const destroyed: string[] = []
  for (const group of LANES[ledger.lane].groups) {
    const lost = lostOf(ledger, group, history, found)
    violations.push(...lost.violations)
    destroyed.push(...lost.destroyed)
  }
  return { violations, destroyed }
}

function lostOf(ledger: Ledger, group: string, history: History, found: Found): Delivered {
  const { lane, published } = ledger
  const losses = history.lossesOf(lane, group)
  const work = ledger.work.get(group)!
  const letters = ledger.letters.get(group)!
  const given = new Set(letters.flatMap(({ id, position }) => (id === '' ? [position] : [id, position])))
  const violations: Violation[] = []
  const destroyed: string[] = []
  for (const [id, publication] of published) {
    if (publication.outcome !== 'ok') continue
    const { position, at } = publication
    if (given.has(id) || given.has(position) || isProcessed(ledger, work.get(id), found, id)) continue
    const fault =
      takenBy(losses, publication, id) ?? (position && history.rolledBack(LANES[lane].stream, position))
    if (fault) destroyed.push(`${lane} ${group} ${id} ${position} by fault ${fault.n} ${fault.kind}`)
    else
      violations.push({
        invariant: 'lost',
        subject: `${id} at ${position || 'an unknown position'} in ${group}`,
        expected: traitsOf(lane, id).poison ? `a dead letter after ${ATTEMPTS} attempts` : 'an effect',
        found: `accepted, and neither effect nor dead letter; ${work.get(id)?.starts.length ?? 0} starts`,
        lane,
        eventId: id,
        at,
      })
  }
  return { violations, destroyed }
}

function isProcessed(ledger: Ledger, work: Work | undefined, found: Found, id: string): boolean {
  switch (LANES[ledger.lane].effects) {
    case 'inbox':
      return found.databaseEffects.has(id)
    case 'produced':
      return ledger.produced.has(id)
    case 'file':
      return (work?.effects.length ?? 0) > 0
  }
}

/** Where the position is known, it is that very entry which must be among what was destroyed. */
const takenBy = (
  losses: Map<string, PastFault>,
  { position }: Publication,
  id: string,
): PastFault | undefined => losses.get(position === '' ? id : `${position} ${id}`)

function failedThatAppear({ lane, published, positions }: Ledger): Violation[] {
  const violations: Violation[] = []
  for (const [id, { outcome, at }] of published) {
    const seen = positions.get(id)
    if (outcome !== 'failed' || !seen) continue
    violations.push({
      invariant: 'failed-appears',
      subject: id,
      expected: 'nowhere, since publishing it failed',
      found: `at ${[...seen].join(', ')}`,
      lane,
      eventId: id,
      at,
    })
  }
  return violations
}

function twice({ lane, published, positions }: Ledger, history: History): Violation[] {
  const violations: Violation[] = []
  for (const [id, seen] of positions) {
    if (seen.size < 2) continue
    const times = [...seen].map(timeOf).sort((a, b) => a - b)
    // What lost the keys lost the entry as well; it may have been handled before.
    const repeats = lane === 'keyed' || lane === 'outbox'
    if (repeats && history.forgotKeys(times[0]!, times.at(-1)!)) continue
    violations.push({
      invariant: 'twice',
      subject: id,
      expected: 'at one position at most',
      found: `published once (${published.get(id)?.outcome}), it stood at ${[...seen].join(', ')}`,
      lane,
      eventId: id,
      at: times[0]!,
    })
  }
  return violations
}

function unknownOrigin({ lane, published, positions, work }: Ledger): Violation[] {
  const violations: Violation[] = []
  for (const id of positions.keys())
    if (!published.has(id))
      violations.push({
        invariant: 'invented',
        subject: id,
        expected: 'only what was published',
        found: 'nobody published it',
        lane,
        eventId: id,
      })
  for (const [group, byId] of work)
    for (const [id, { broken }] of byId)
      if (broken > 0)
        violations.push({
          invariant: 'altered',
          subject: `${id} in ${group}`,
          expected: 'the payload as it was sent',
          found: 'another one',
          lane,
          eventId: id,
        })
  return violations
}
