import type { Issue } from './errors.ts'
import type { Durability } from './stream-log.ts'

/** How long replicas have by default, in ms. */
export const DEFAULT_REPLICATION_MS = 1_000

/** Every number that makes no sense. */
export function durabilityIssues(durability: Durability): Issue[] {
  const { replicas, fsync = false, timeoutMs = DEFAULT_REPLICATION_MS } = durability
  const issues: Issue[] = []
  const require = (name: string, value: unknown, holds: boolean, wanted: string) => {
    if (!holds)
      issues.push({ path: `durability.${name}`, message: `must be ${wanted}, not ${String(value)}` })
  }
  const least = fsync === true ? 0 : 1
  require('replicas', replicas, Number.isInteger(replicas) &&
    replicas >= least, `a whole number from ${least} on`)
  require('fsync', fsync, typeof fsync === 'boolean', 'true or false')
  // Redis takes 0 for no limit, and nobody would notice a connection that died meanwhile.
  require('timeoutMs', timeoutMs, Number.isInteger(timeoutMs) &&
    timeoutMs >= 1 &&
    timeoutMs <= 60_000, 'a whole number of ms from 1 to 60000')
  return issues
}
