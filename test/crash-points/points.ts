// Runs in the child: what the instrumented sources call at each point. It stands beside the scenario, so that both
// share the one instance of it.

/** At which reaching of which point the process ends. */
export interface Target {
  point: number
  /** Counted from 1. */
  occurrence: number
}

const counts = new Map<number, number>()
let target: Target | undefined

/** From now on reaching the target ends the process, with no time left for anything. */
export function arm(at: Target | undefined): void {
  target = at
}

/** How often each point was reached. */
export const reached = (): [point: number, count: number][] => [...counts]

export function hit(point: number): void {
  const count = (counts.get(point) ?? 0) + 1
  counts.set(point, count)
  if (point === target?.point && count === target.occurrence) process.kill(process.pid, 'SIGKILL')
}

/** Behind an await: it answers what was awaited. */
export function settled<T>(point: number, value: T): T {
  hit(point)
  return value
}

/**
 * A promise that rejects has settled as well. Its listener comes before that of the await, and takes no turn of its
 * own, so the order in which things happen stays as it is.
 */
export function watched<T>(point: number, awaited: T): T {
  if (awaited instanceof Promise) awaited.then(undefined, () => hit(point))
  return awaited
}

/** What `for await` goes through: each step is awaited. */
export async function* each<T>(before: number, after: number, items: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]()
  try {
    for (;;) {
      hit(before)
      const { done, value } = settled(after, await watched(after, iterator.next()))
      if (done) return
      yield value
    }
  } finally {
    await iterator.return?.()
  }
}
