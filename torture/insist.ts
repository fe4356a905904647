import { setTimeout as sleep } from 'node:timers/promises'

const PAUSE_MS = 300

/** What fails is tried again until it succeeds or `isOver` says so: servers come and go here. */
export async function insist<T>(what: () => Promise<T>, isOver: () => boolean = () => false): Promise<T> {
  for (;;) {
    try {
      return await what()
    } catch (error) {
      if (isOver()) throw error
      await sleep(PAUSE_MS)
    }
  }
}

/** Waits until it holds; false when it does not within the time. What it throws counts as not yet. */
export async function eventually(
  holds: () => Promise<boolean> | boolean,
  withinMs: number,
): Promise<boolean> {
  const end = performance.now() + withinMs
  for (;;) {
    if (
      await Promise.resolve()
        .then(holds)
        .catch(() => false)
    )
      return true
    if (performance.now() > end) return false
    await sleep(Math.min(PAUSE_MS, withinMs / 10))
  }
}
