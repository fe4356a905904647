import { deepStrictEqual } from 'node:assert'
import * as fc from 'fast-check'
import { test, expect } from 'vitest'
import { useRedis } from '../../../test/support/use-redis.ts'
import { comparePositions } from '../../core/position.ts'
import type { RetentionPolicy } from '../../core/retention-policy.ts'
import { RedisHolds } from './holds.ts'
import { groupKeys, RETRY_CONSUMER } from '../keys.ts'
import { deliver, groupFacts, idsOf, needs, trimAll } from './retention-lab.ts'
import { RedisRetention } from './retention.ts'

// Short nodes, so that most cuts fall within one or at its edge.
const { admin: redis } = useRedis({ args: ['--stream-node-max-entries', '4'] })
let runs = 0

const GROUPS = ['a', 'b', 'c'] as const
const group = fc.constantFrom(...GROUPS)
const share = fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true }))

/** `at` and `share` choose among what there is when the step is run. */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 30 }) }),
  },
  fc.record({ kind: fc.constant('create' as const), group, at: share }),
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('read' as const), group, count: fc.nat(60) }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('acknowledge' as const), group, share }) },
  // All groups go on, so that much can go.
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('work' as const), share }) },
  fc.record({ kind: fc.constant('park' as const), group, share }),
  fc.record({ kind: fc.constant('set' as const), group, at: share }),
  fc.record({ kind: fc.constant('destroy' as const), group, low: fc.boolean() }),
  fc.record({ kind: fc.constant('hold' as const), at: share }),
  fc.record({ kind: fc.constant('release' as const) }),
  fc.record({ kind: fc.constant('delete' as const), at: share }),
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('trim' as const),
      policy: fc.oneof(
        fc.constant<RetentionPolicy>({ processed: true }),
        fc.constant<RetentionPolicy>({ maxAgeMs: 1 }),
        fc.record({ maxLength: fc.nat(30) }),
        fc.record({ maxLength: fc.nat(30), hardMaxLength: fc.constant(1_000_000) }),
      ),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** `a` is declared from 0 on, `b` from `$` on; `c` is nobody's. */
const DECLARED = [{ name: 'a' }, { name: 'b', start: '$' }]

class World {
  readonly stream = `property:{${runs}}:${runs++}`
  readonly #holds = new RedisHolds(redis)
  /** All ids ever, oldest first. */
  readonly #ids: string[] = []
  /** Milliseconds and sequence of the last one, with steps over the numbers of digits. */
  #ms = 8
  #hold: string | undefined
  trimmed = 0

  #at(share: number): string {
    return ['0-0', ...this.#ids][Math.floor(share * this.#ids.length)]!
  }

  async #pending(group: string, share: number): Promise<string[]> {
    const facts = await groupFacts(redis, this.stream)
    const pending = [...(facts.find(({ name }) => name === group)?.pending ?? [])]
    return pending.filter((_, index) => (index * 7 + 3) % 10 < share * 10)
  }

  async run(step: Step): Promise<void> {
    const { stream } = this
    switch (step.kind) {
      case 'publish':
        for (let n = 0; n < step.count; n++) await this.#publish(n)
        return
      case 'create':
        return this.#quietly(['XGROUP', 'CREATE', stream, step.group, this.#at(step.at), 'MKSTREAM'])
      case 'read':
        await deliver(redis, stream, step.group, step.count + 1).catch(() => [])
        return
      case 'acknowledge':
        return this.#quietly(['XACK', stream, step.group, ...(await this.#pending(step.group, step.share))])
      case 'work':
        for (const group of GROUPS) {
          await this.run({ kind: 'read', group, count: 20 })
          await this.run({ kind: 'acknowledge', group, share: step.share })
        }
        return
      case 'park': {
        const ids = await this.#pending(step.group, step.share)
        return this.#quietly(['XCLAIM', stream, step.group, RETRY_CONSUMER, '0', ...ids, 'JUSTID'])
      }
      case 'set':
        return this.#quietly(['XGROUP', 'SETID', stream, step.group, this.#at(step.at * step.at)])
      case 'destroy':
        return this.#destroy(step.group, step.low)
      case 'hold':
        this.#hold = this.#at(step.at)
        return this.#holds.set(stream, 'hold', this.#hold)
      case 'release':
        this.#hold = undefined
        await this.#holds.release(stream, 'hold')
        return
      case 'delete':
        return this.#quietly(['XDEL', stream, this.#at(step.at)])
      case 'trim':
        return this.#trim(step.policy)
    }
  }

  async #publish(n: number): Promise<void> {
    const id = n % 5 === 4 ? `${++this.#ms}-18446744073709551615` : `${++this.#ms}-${n}`
    await redis.send(['XADD', this.stream, id, 'n', String(n)])
    this.#ids.push(id)
  }

  /** What heartbeats record: everything at or below is acknowledged. */
  async #destroy(group: string, low: boolean): Promise<void> {
    const facts = (await groupFacts(redis, this.stream)).find(({ name }) => name === group)
    const { state } = groupKeys(this.stream, group)
    const below =
      facts &&
      ['0-0', ...this.#ids].findLast((id) =>
        this.#ids.every((other) => comparePositions(other, id) > 0 || !needs(facts, other)),
      )
    await this.#quietly(['XGROUP', 'DESTROY', this.stream, group])
    if (low && below) await redis.send(['HSET', state, 'low', below])
    else await redis.send(['DEL', state])
  }

  async #quietly(command: string[]): Promise<void> {
    await redis.send(command).catch(() => {})
  }

  /** What is needed by whom, worked out from plain commands; and what the policy must have let go, exactly. */
  async #trim(policy: RetentionPolicy): Promise<void> {
    const { stream } = this
    const before = await idsOf(redis, stream)
    const groups = await groupFacts(redis, stream)
    const starts: string[] = []
    for (const { name, start = '0-0' } of DECLARED) {
      if (groups.some((group) => group.name === name)) continue
      const low = await redis.send<string | null>(['HGET', groupKeys(stream, name).state, 'low'])
      if (low ?? start !== '$') starts.push(low ?? start)
    }
    const needed = (id: string) =>
      groups.some((group) => needs(group, id)) ||
      starts.some((start) => comparePositions(id, start) > 0) ||
      (this.#hold !== undefined && comparePositions(id, this.#hold) >= 0)
    let excess = policy.processed || policy.maxAgeMs ? Infinity : before.length - policy.maxLength!
    if (policy.processed && groups.length === 0) excess = 0
    const expected = before.filter((id) => needed(id) || excess-- <= 0)
    const { trimmed } = await trimAll(this.#fresh(), { stream, policy, groups: DECLARED })
    this.trimmed += trimmed
    const after = await idsOf(redis, stream)
    deepStrictEqual(
      { policy, after, trimmed },
      { policy, after: expected, trimmed: before.length - expected.length },
    )
  }

  /** An instance looks around what is pending only now and then. */
  #fresh(): RedisRetention {
    return new RedisRetention(redis, { aroundAfterMs: 0 })
  }
}

test('trimming removes what the policy lets go and nobody needs, and nothing else', async () => {
  let trimmed = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 40, size: 'max' }), async (steps) => {
      const world = new World()
      for (const group of GROUPS) await world.run({ kind: 'create', group, at: 0 })
      for (const one of steps) await world.run(one)
      trimmed += world.trimmed
      await redis.send(['UNLINK', world.stream])
    }),
    { numRuns: 300 },
  )
  expect(trimmed).toBeGreaterThan(1_000)
})
