import type { Canaries } from '../canaries.ts'
import { LANE_NAMES } from '../load.ts'
import type { TortureOptions } from '../options.ts'
import { checkDeadLetters } from './dead-letters.ts'
import { checkDelivery } from './delivery.ts'
import { checkExactlyOnce, checkRepeats } from './effects.ts'
import { checkDurability } from './durability.ts'
import { History } from './history.ts'
import { checkLeftovers } from './leftovers.ts'
import { readLedger, type Ledger } from './ledger.ts'
import { checkMemory } from './memory.ts'
import type { Found } from './observe.ts'
import { checkOrder } from './order.ts'
import { checkProgress, redeliveries } from './progress.ts'
import type { Report, Violation } from './report.ts'
import { checkSecrets } from './secrets.ts'
import { tellStories } from './story.ts'

/** More of one kind help nobody. */
const LISTED = 10

export interface Case {
  readonly options: TortureOptions
  readonly folder: string
  readonly canaries: Canaries
  readonly found: Found
  /** Logs of the servers. */
  readonly logs: readonly string[]
  /** What did not end as it should. */
  readonly trouble: readonly string[]
  readonly loadBeganAt: number
  readonly loadEndedAt: number
}

/** Holds what was found, and what the evidence says, against what was promised. It ran nothing itself. */
export function check(run: Case): Report {
  const { options, folder, canaries, found, logs, trouble, loadBeganAt, loadEndedAt } = run
  const history = new History(folder)
  const ledgers = LANE_NAMES.map((lane) => readLedger(folder, lane, found, history))
  const delivered = ledgers.map((ledger) => checkDelivery(ledger, history, found))
  const repeated = ledgers.map((ledger) => checkRepeats(ledger, history, options.workers))
  const progress = checkProgress(ledgers, history, loadEndedAt)
  const { violations: growth, memory } = checkMemory(folder)
  const violations = [
    ...delivered.flatMap((one) => one.violations),
    ...ledgers.flatMap((ledger) => checkDeadLetters(ledger, history)),
    ...ledgers.flatMap((ledger) => checkExactlyOnce(ledger, history, found)),
    ...repeated.flatMap((one) => one.violations),
    ...ledgers.flatMap(checkOrder),
    ...ledgers.flatMap((ledger) => checkDurability(ledger, history)),
    ...checkLeftovers(folder, found, trouble),
    ...progress.violations,
    ...growth,
    ...checkSecrets(folder, canaries, logs),
  ]
  return {
    options,
    violations: tellStories(folder, history, firstOfEach(violations)),
    totals: countBy(violations, ({ invariant }) => invariant),
    published: Object.fromEntries(ledgers.map((ledger) => [ledger.lane, outcomes(ledger)])),
    effects: ledgers.reduce((sum, ledger) => sum + effectsOf(ledger), 0),
    repeats: repeated.reduce((sum, { count }) => sum + count, 0),
    faults: countBy(history.faults, ({ kind }) => kind),
    destroyed: delivered.flatMap((one) => one.destroyed),
    progress: progress.byKind,
    redelivery: redeliveries(ledgers, history),
    memory,
    seconds: Math.round((loadEndedAt - loadBeganAt) / 1_000),
  }
}

function firstOfEach(violations: readonly Violation[]): Violation[] {
  const seen = new Map<string, number>()
  return violations.filter(({ invariant }) => {
    const count = (seen.get(invariant) ?? 0) + 1
    seen.set(invariant, count)
    return count <= LISTED
  })
}

function outcomes({ published }: Ledger): Record<'ok' | 'failed' | 'unknown', number> {
  const counts = { ok: 0, failed: 0, unknown: 0 }
  for (const { outcome } of published.values()) counts[outcome]++
  return counts
}

function effectsOf({ work }: Ledger): number {
  let count = 0
  for (const byId of work.values()) for (const { effects } of byId.values()) count += effects.length
  return count
}

function countBy<T>(items: readonly T[], kindOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const item of items) counts[kindOf(item)] = (counts[kindOf(item)] ?? 0) + 1
  return counts
}
