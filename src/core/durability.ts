import type { Issue } from './errors.ts'
import type { Durability } from './stream-log.ts'

/** How long replicas have by default, in ms. */
export const DEFAULT_REPLICATION_MS = 1_000

/** Every number that makes no sense. */
export function durabilityIssues(durability: Durability): Issue[] {
  const { replicas, timeoutMs = DEFAULT_REPLICATION_MS } = durability
  const issues: Issue[] = []
  const require = (name: string, value: unknown, holds: boolean, wanted: string) => {
    if (!holds)
      issues.push({ path: `durability.${name}`, message: `must be ${wanted}, not ${String(value)}` })
  }
  require('replicas', replicas, Number.isInteger(replicas) && replicas >= 1, 'a whole number from 1 on')
  // Redis takes 0 for no limit, and nobody would notice a connection that died meanwhile.
  require('timeoutMs', timeoutMs, Number.isInteger(timeoutMs) &&
    timeoutMs >= 1 &&
    timeoutMs <= 60_000, 'a whole number of ms from 1 to 60000')
  return issues
}
