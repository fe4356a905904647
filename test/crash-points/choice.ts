import { hash } from 'node:crypto'
import type { Await } from './instrument.ts'
import type { Target } from './points.ts'
import type { Verdict } from './sweep.ts'

/** Every point, at its first, a middle and its last occurrence; else a part of them, at the first one. */
export const EVERYWHERE = process.env['CRASH_POINTS'] === 'all'

/** Where a death between two steps would cost most. */
const ALWAYS = [
  /^src\/redis\/group\/(?:produce|settle-commands)\.ts/,
  /^src\/worker\/(?:settlements|settler)\.ts/,
  /^src\/postgres\/(?:inbox|inbox-statement|outbox|outbox-publishing|outbox-relay|relay-pass|run-transaction)\.ts/,
]

/** How often each point was reached at most. */
export function reachedOf(verdicts: readonly Verdict[]): Map<number, number> {
  const most = new Map<number, number>()
  for (const { reached } of verdicts)
    for (const [point, count] of reached) most.set(point, Math.max(count, most.get(point) ?? 0))
  return most
}

/** Where to kill: what is swept each time, and the rest in an order that follows from the seed. */
export function choose(
  awaits: readonly Await[],
  reached: ReadonlyMap<number, number>,
  seed: number,
): { always: Target[]; share: Target[] } {
  const points = awaits.flatMap(({ name, before, after }) =>
    [before, after].map((point) => ({ name, point })),
  )
  const found = points.filter(({ point }) => reached.has(point))
  if (EVERYWHERE) {
    const always = found.flatMap(({ point }) => occurrences(reached.get(point)!).map(at(point)))
    return { always, share: [] }
  }
  const matters = ({ name }: { name: string }) => ALWAYS.some((pattern) => pattern.test(name))
  const first = ({ point }: { point: number }) => at(point)(1)
  const share = shuffled(found.filter((each) => !matters(each)).map(first), seed)
  return { always: shuffled(found.filter(matters).map(first), seed), share }
}

/** Such as `src/worker/settler.ts:92:20, after #flush: this.#consumer.settle(…), occurrence 1`. */
export function pointName(awaits: readonly Await[], target: Target | undefined): string {
  const found = awaits.find(({ before, after }) => before === target?.point || after === target?.point)
  if (!found || !target) return 'no point'
  const side = found.before === target.point ? 'before' : 'after'
  return `${found.place}, ${side} ${found.name.slice(found.name.indexOf(' ') + 1)}, occurrence ${target.occurrence}`
}

const at =
  (point: number) =>
  (occurrence: number): Target => ({ point, occurrence })

const occurrences = (count: number): number[] => [...new Set([1, Math.ceil(count / 2), count])]

/** In an order that follows from the seed. */
const shuffled = (targets: readonly Target[], seed: number): Target[] =>
  targets
    .map((target) => ({ target, rank: hash('sha256', `${seed} ${target.point}`) }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1))
    .map(({ target }) => target)
