import { pause } from '../core/pause.ts'

/** Tells the time, and waits. */
export interface Clock {
  /** In ms since 1970. */
  now(): number
  /** Waits so many ms, less if `signal` is aborted first; never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = { now: () => Date.now(), wait: pause }
