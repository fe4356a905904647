import type { RetentionPolicy } from '../../src/core/retention-policy.ts'
import type { Connection } from '../../src/redis/connection.ts'
import { deliver, targetOf, trimAll } from '../../src/redis/retention/retention-lab.ts'
import type { RedisRetention } from '../../src/redis/retention/retention.ts'

type Groups = { name: string; start?: string }[]

/** What tests of retention do, with the stream and the retention that they have at the time. */
export function retentionSteps(
  redis: Connection,
  current: () => { stream: string; retention: RedisRetention },
) {
  const createGroup = (group: string, start = '0') =>
    redis.send(['XGROUP', 'CREATE', current().stream, group, start, 'MKSTREAM'])
  const acknowledge = (group: string, ids: readonly string[]) =>
    redis.send(['XACK', current().stream, group, ...ids])
  const declared = (policy: RetentionPolicy, groups: Groups) => ({ stream: current().stream, policy, groups })
  return {
    createGroup,
    acknowledge,
    trim: (policy: RetentionPolicy, groups: Groups = []) =>
      trimAll(current().retention, declared(policy, groups)),
    inspect: (policy: RetentionPolicy, groups: Groups = []) =>
      current().retention.inspect(targetOf(declared(policy, groups))),
    /** Makes a group that is done with everything up to so many entries. */
    async doneWith(group: string, count: number): Promise<void> {
      await createGroup(group)
      if (count > 0) await acknowledge(group, await deliver(redis, current().stream, group, count))
    },
  }
}

/** The ids that `fill` gives. */
export const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `${from + index}-0`)
