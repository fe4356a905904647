import type { Claim, Outcome } from '../../core/stream-log.ts'
import { acknowledge, numbered, positionsOf, type Cases } from './scene.ts'

const HOUR_MS = 3_600_000

const retryInAnHour = ({ position, attempt }: Claim): Outcome => ({
  kind: 'retry',
  position,
  attempts: attempt,
  delayMs: HOUR_MS,
})

export const waitingCases: Cases = {
  'what is given back with a delay waits it, with no attempt spent': async (scene) => {
    await scene.append(numbered(1))
    const [first, other] = [await scene.join(), await scene.join()]
    const [claim] = await scene.claimCount(first, 1)
    const start = performance.now()
    await first.settle([{ kind: 'release', position: claim!.position, attempts: 0, delayMs: 150 }])
    const again = await scene.claimCount(other, 1)
    scene.expect(performance.now() - start).toBeGreaterThanOrEqual(148)
    scene.expect(again).toEqual([{ ...claim, attempt: 1, origin: 'retry' }])
  },

  'it is told of entries whether they wait for their retry': async (scene) => {
    const positions = await scene.append(numbered(4))
    const [consumer, other] = [await scene.join(), await scene.join()]
    const [first, second, third] = await scene.claimCount(consumer, 3)
    await consumer.settle([retryInAnHour(first!), retryInAnHour(second!), ...acknowledge([third!])])
    scene.expect(await other.waiting([...positions, '1-1'])).toEqual(positionsOf([first!, second!]))
    scene.expect(await (await scene.join({ group: 'another' })).waiting(positions)).toEqual([])
  },

  'what waits is due when it is expedited, and what does not wait is left alone': async (scene) => {
    const positions = await scene.append(numbered(3))
    const [consumer, other] = [await scene.join(), await scene.join()]
    const [held, hurried, patient] = await scene.claimCount(consumer, 3)
    await consumer.settle([retryInAnHour(hurried!), retryInAnHour(patient!)])
    await other.expedite([held!.position, hurried!.position, '1-1'])
    scene.expect(positionsOf(await scene.claimCount(other, 1))).toEqual(positionsOf([hurried!]))
    scene.expect(await other.waiting(positions)).toEqual(positionsOf([patient!]))
    scene.expect(await consumer.settle(acknowledge([held!]))).toEqual([])
  },

  'what is given back together comes back in the order of positions': async (scene) => {
    const positions = await scene.append(numbered(300))
    const consumer = await scene.join()
    await scene.claimCount(consumer, 300)
    await consumer.leave()
    const other = await scene.join()
    const claimed: string[] = []
    await scene.until('all of them', async () => {
      claimed.push(...positionsOf(await scene.claim(other, 7)))
      return claimed.length >= 300
    })
    scene.expect(claimed).toEqual(positions)
  },
}
