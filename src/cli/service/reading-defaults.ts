import type { ConsumerDefaults } from '../../config/config.ts'
import type { WorkerOptions } from '../../worker/worker-options.ts'

/** How every consumer of the service reads, those of the audit trail included. */
export function readingDefaults(defaults: ConsumerDefaults) {
  const { pollMs, maxFaultDelayMs, claimIntervalMs, minIdleMs } = defaults
  return { pollMs, maxFaultDelayMs, claimIntervalMs, minIdleMs } satisfies Partial<WorkerOptions>
}
