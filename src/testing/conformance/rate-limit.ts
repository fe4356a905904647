import type { Claim, Outcome } from '../../core/stream-log.ts'
import { acknowledge, numbered, type Cases } from './scene.ts'

const PER_MS = 400
const COUNT = 5

const retry = ({ position }: Claim): Outcome => ({ kind: 'retry', position, attempts: 1, delayMs: 0 })

export const rateLimitCases: Cases = {
  'no window has more than its count, over all members, retries included': async (scene) => {
    await scene.append(numbered(100))
    const rateLimit = { count: COUNT, perMs: PER_MS }
    const consumers = await Promise.all([1, 2, 3].map(() => scene.join({ rateLimit })))
    /** For each entry, when the call that brought it began and ended. */
    const moments: { before: number; after: number }[] = []
    await scene.until('enough of them', async () => {
      for (const consumer of consumers) {
        const before = performance.now()
        const claims = await scene.claim(consumer, 3, 20)
        const after = performance.now()
        moments.push(...claims.map(() => ({ before, after })))
        await consumer.settle(acknowledge(claims.slice(1)))
        await consumer.settle(claims.slice(0, 1).map(retry))
      }
      return moments.length >= 4 * COUNT
    })
    moments.slice(COUNT).forEach(({ after }, n) => {
      scene.expect(after - moments[n]!.before).toBeGreaterThanOrEqual(PER_MS - 2)
    })
  },

  'what was not there does not use it up': async (scene) => {
    const consumer = await scene.join({ rateLimit: { count: 3, perMs: 60_000 } })
    for (let round = 0; round < 10; round++) scene.expect(await scene.claim(consumer, 10)).toEqual([])
    await scene.append(numbered(5))
    scene.expect((await scene.claimCount(consumer, 3)).length).toBe(3)
    scene.expect(await scene.claimFor(consumer, 100)).toEqual([])
  },

  'a claim waits for the rate no longer than it may': async (scene) => {
    await scene.append(numbered(2))
    const consumer = await scene.join({ rateLimit: { count: 1, perMs: 60_000 } })
    await scene.claimCount(consumer, 1)
    const start = performance.now()
    scene.expect(await scene.claim(consumer, 1, 100)).toEqual([])
    scene.expect(performance.now() - start).toBeLessThan(2_000)
  },

  'an entry wakes who waits, while the rate allows it': async (scene) => {
    const consumer = await scene.join({ rateLimit: { count: 1_000, perMs: 1_000 } })
    const claimed = scene.claimCount(consumer, 1)
    await scene.letWaitersSettle()
    await scene.append(numbered(1))
    scene.expect((await claimed).length).toBe(1)
  },
}
