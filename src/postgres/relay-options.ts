import { requireCounts } from '../core/require-counts.ts'

export interface RelayOptions {
  /** How often it looks for events of which no word came, in ms (1000). */
  pollMs?: number
  /** Events that are taken at once, at most (500). */
  batchSize?: number
  /** Transactions at once (2), of which each takes a connection of the pool. */
  concurrency?: number
  /** How often an event is tried that Redis refuses, before it is given up (10). An outage costs no attempt. */
  maxAttempts?: number
  /** Pause after the first refusal, in ms (1000); each further one is twice as long, a minute at most. */
  retryDelayMs?: number
}

const DEFAULTS: Required<RelayOptions> = {
  pollMs: 1_000,
  batchSize: 500,
  concurrency: 2,
  maxAttempts: 10,
  retryDelayMs: 1_000,
}

/** @throws InvalidError `CONFIGURATION_INVALID` with every number that makes no sense */
export function resolveRelayOptions(options: RelayOptions): Required<RelayOptions> {
  const resolved = { ...DEFAULTS, ...options }
  const names = Object.keys(DEFAULTS) as (keyof RelayOptions)[]
  requireCounts('the relay can not run like this', resolved, names)
  return resolved
}
