import { LANES } from '../load.ts'
import type { History, PastFault } from './history.ts'
import type { Ledger, Work } from './ledger.ts'
import { distributionOf, type Distribution, type Violation } from './report.ts'

/** From the end of the last of several faults that overlap to the next effect, on a machine that is busy. */
const BOUND_MS = 20_000

export interface Progress {
  readonly violations: Violation[]
  readonly byKind: Record<string, Distribution>
}

/** Every fault is followed by effects in every group, within a bound. */
export function checkProgress(ledgers: readonly Ledger[], history: History, loadEndedAt: number): Progress {
  const groups = ledgers.flatMap((ledger) =>
    LANES[ledger.lane].groups.map((group) => ({ group, times: effectTimes(ledger.work.get(group)!) })),
  )
  const violations: Violation[] = []
  const delays = new Map<string, number[]>()
  for (const fault of history.faults) {
    let slowest = 0
    for (const { group, times } of groups) {
      // The late group is not there yet.
      if (times.length === 0 || times[0]! > fault.end) continue
      const { endedAt, next } = nextEffect(times, fault, history)
      if (next !== undefined) slowest = Math.max(slowest, next - fault.end)
      if ((next ?? loadEndedAt) - endedAt > BOUND_MS)
        violations.push({
          invariant: 'progress',
          subject: `${group} after fault ${fault.n} ${fault.kind}`,
          expected: `an effect within ${BOUND_MS} ms`,
          found: next === undefined ? 'none' : `one after ${next - endedAt} ms`,
          at: fault.end,
        })
    }
    // Of faults that others follow before there was progress, the time says nothing of this kind.
    if (history.during(fault.end, fault.end + slowest).every((other) => other.n === fault.n))
      delays.set(fault.kind, [...(delays.get(fault.kind) ?? []), slowest])
  }
  const byKind = [...delays]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, values]) => [kind, distributionOf(values)])
  return { violations, byKind: Object.fromEntries(byKind) as Record<string, Distribution> }
}

/** The first effect after a fault, and when the last one of those ended that went on or came before that effect. */
function nextEffect(times: readonly number[], fault: PastFault, history: History) {
  let endedAt = fault.end
  for (;;) {
    const next = times[firstAfter(times, endedAt)]
    const others = history
      .during(endedAt, next ?? Infinity)
      .filter(({ begin, end }) => end > endedAt && begin <= (next ?? Infinity))
    if (others.length === 0) return { endedAt, next }
    if (next !== undefined && next - endedAt <= BOUND_MS) return { endedAt, next }
    endedAt = Math.max(...others.map(({ end }) => end))
  }
}

function firstAfter(times: readonly number[], after: number): number {
  let [low, high] = [0, times.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (times[middle]! > after) high = middle
    else low = middle + 1
  }
  return low
}

const effectTimes = (work: ReadonlyMap<string, Work>): number[] =>
  [...work.values()].flatMap(({ effects }) => effects.map(({ at }) => at)).sort((a, b) => a - b)

/** How long it took until what a killed worker had started was started by another. */
export function redeliveries(ledgers: readonly Ledger[], history: History): Distribution {
  const kills = new Map(
    history.faults.flatMap(({ kind, begin, note }) =>
      kind === 'worker-kill' && note.victim !== undefined ? [[note.victim, begin] as const] : [],
    ),
  )
  const delays: number[] = []
  for (const { work } of ledgers)
    for (const byId of work.values())
      for (const { starts, effects } of byId.values())
        starts.forEach(({ who, at }, n) => {
          const killedAt = kills.get(who)
          const next = starts[n + 1]
          if (killedAt === undefined || !next || next.who === who || killedAt - at > 1_000) return
          if (!effects.some((effect) => effect.who === who)) delays.push(next.at - killedAt)
        })
  return distributionOf(delays)
}
