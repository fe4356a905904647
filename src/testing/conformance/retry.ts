import type { Claim, Outcome } from '../../core/stream-log.ts'
import { FOR_EVER_MS, acknowledge, numbered, positionsOf, type Cases } from './scene.ts'

/** What clocks that count whole milliseconds may differ by. */
const CLOCK_GRAIN_MS = 2

const retry = ({ position, attempt }: Claim, delayMs: number): Outcome => ({
  kind: 'retry',
  position,
  attempts: attempt,
  delayMs,
})

const release = ({ position, attempt }: Claim): Outcome => ({
  kind: 'release',
  position,
  attempts: attempt - 1,
})

export const retryCases: Cases = {
  'a retry waits its delay, and then is the next attempt of any consumer': async (scene) => {
    await scene.append(numbered(1))
    const [first, other] = [await scene.join(), await scene.join()]
    const [claim] = await scene.claimCount(first, 1)
    const start = performance.now()
    scene.expect(await first.settle([retry(claim!, 150)])).toEqual([])
    const again = await scene.claimCount(other, 1)
    scene.expect(performance.now() - start).toBeGreaterThanOrEqual(150 - CLOCK_GRAIN_MS)
    scene.expect(again).toEqual([{ ...claim, attempt: 2, origin: 'retry' }])
  },

  'a claim that waits for longer wakes when a retry is due': async (scene) => {
    await scene.append(numbered(1))
    const consumer = await scene.join()
    const [claim] = await scene.claimCount(consumer, 1)
    await consumer.settle([retry(claim!, 100)])
    let again: Claim[] = []
    await scene.until('the retry', async () => {
      again = await scene.claim(consumer, 10, FOR_EVER_MS)
      return again.length > 0
    })
    scene.expect(again[0]?.attempt).toBe(2)
  },

  'an earlier retry overtakes a later one': async (scene) => {
    await scene.append(numbered(2))
    const consumer = await scene.join()
    const [late, early] = await scene.claimCount(consumer, 2)
    await consumer.settle([retry(late!, 200), retry(early!, 50)])
    const again = [...(await scene.claimCount(consumer, 1)), ...(await scene.claimCount(consumer, 1))]
    scene.expect(positionsOf(again)).toEqual(positionsOf([early!, late!]))
  },

  'of several that are due, the one due first comes first': async (scene) => {
    await scene.append(numbered(2))
    const consumer = await scene.join()
    const [late, early] = await scene.claimCount(consumer, 2)
    const start = performance.now()
    await consumer.settle([retry(late!, 60), retry(early!, 20)])
    await scene.until('both to be due', () => performance.now() - start > 100)
    scene.expect(positionsOf(await scene.claimCount(consumer, 1))).toEqual(positionsOf([early!]))
  },

  'attempts add up from retry to retry': async (scene) => {
    await scene.append(numbered(1))
    const consumer = await scene.join()
    for (let attempt = 1; attempt <= 4; attempt++) {
      const [claim] = await scene.claimCount(consumer, 1)
      scene.expect(claim?.attempt).toBe(attempt)
      scene.expect(await consumer.begin([claim!])).toEqual([])
      await consumer.settle([retry(claim!, 0)])
    }
  },

  'what waits for its retry belongs to nobody': async (scene) => {
    await scene.append(numbered(1))
    const first = await scene.join({ deadAfterMs: 50 })
    const [claim] = await scene.claimCount(first, 1)
    await first.settle([retry(claim!, 300)])
    scene.expect(await first.settle([retry(claim!, 0)])).toEqual(positionsOf([claim!]))
    // The first counts as dead meanwhile, so whatever it still held would go to the other.
    const other = await scene.join({ deadAfterMs: 50, minIdleMs: 50 })
    const [again] = await scene.claimCount(other, 1)
    scene.expect(again?.origin).toBe('retry')
  },

  'the delay survives the consumer that asked for it': async (scene) => {
    await scene.append(numbered(1))
    const first = await scene.join()
    const [claim] = await scene.claimCount(first, 1)
    await first.settle([retry(claim!, 100)])
    await first.leave()
    scene.expect((await scene.claimCount(await scene.join(), 1))[0]?.attempt).toBe(2)
  },

  'other groups see nothing of a retry': async (scene) => {
    await scene.append(numbered(1))
    const [failing, fine] = [await scene.join({ group: 'failing' }), await scene.join({ group: 'fine' })]
    await fine.settle(acknowledge(await scene.claimCount(fine, 1)))
    const [claim] = await scene.claimCount(failing, 1)
    await failing.settle([retry(claim!, 0)])
    scene.expect((await scene.claimCount(failing, 1))[0]?.attempt).toBe(2)
    scene.expect(await scene.claimFor(fine, 100)).toEqual([])
    scene.expect(await scene.log.lastPosition(scene.stream)).toBe(claim?.position)
  },

  'retries leave room for what is new': async (scene) => {
    const old = await scene.append(numbered(20))
    const consumer = await scene.join()
    const failing = await scene.claimCount(consumer, 20)
    const [fresh] = await scene.append(numbered(1, 20))
    const seen = new Set<string>()
    await consumer.settle(failing.map((claim) => retry(claim, 0)))
    await scene.until('the new entry', async () => {
      const claims = await scene.claim(consumer, 10, 50)
      const again = claims.filter(({ position }) => position !== fresh)
      for (const { position } of claims) seen.add(position)
      await consumer.settle(again.map((claim) => retry(claim, 0)))
      return seen.has(fresh!)
    })
    scene.expect(old.length).toBe(20)
  },

  'release gives an entry back at once, with the same attempt': async (scene) => {
    await scene.append(numbered(1))
    const [first, other] = [await scene.join(), await scene.join()]
    const [fresh] = await scene.claimCount(first, 1)
    await first.settle([release(fresh!)])
    const [again] = await scene.claimCount(other, 1)
    scene.expect(again).toMatchObject({ position: fresh!.position, attempt: 1 })
    await other.settle([retry(again!, 0)])
    const [second] = await scene.claimCount(other, 1)
    await other.settle([release(second!)])
    scene.expect((await scene.claimCount(first, 1))[0]?.attempt).toBe(2)
  },
}
