import { setTimeout } from 'node:timers/promises'

/** Waits, less if `signal` is aborted first; never rejects. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => {})
}
