import { acknowledge, numbered, positionsOf, range, type Cases } from './scene.ts'

export const groupDeletedCases: Cases = {
  'it is created anew where everything before was acknowledged': async (scene) => {
    await scene.append(numbered(20))
    const consumer = await scene.join()
    const claims = await scene.claimCount(consumer, 20)
    await consumer.settle(acknowledge([...claims.slice(0, 10), claims[12]!]))
    await consumer.heartbeat()
    await scene.control('deleteGroup')(scene.stream, 'group')
    await scene.append(numbered(5, 20))
    // The twelfth was acknowledged out of order and may come again: at least once is the promise.
    const numbers = await scene.claimNumbers(consumer, [10, 11, ...range(13, 25)])
    scene.expect(numbers.filter((number) => number !== 12)).toEqual([10, 11, ...range(13, 25)])
  },

  'one that started at what came next does not start there again': async (scene) => {
    await scene.append(numbered(5))
    const [first] = [await scene.join({ start: '$' })]
    await scene.append(numbered(3, 5))
    await scene.control('deleteGroup')(scene.stream, 'group')
    const second = await scene.join({ start: '$' })
    await first.leave()
    scene.expect(await scene.claimNumbers(second, [5, 6, 7])).toEqual([5, 6, 7])
  },

  'who waits goes on waiting, and gets what comes': async (scene) => {
    const consumer = await scene.join()
    const claimed = scene.claimCount(consumer, 3)
    await scene.letWaitersSettle()
    await scene.control('deleteGroup')(scene.stream, 'group')
    const positions = await scene.append(numbered(3))
    scene.expect(positionsOf(await claimed)).toEqual(positions)
  },

  'what was held is lost, and no call throws': async (scene) => {
    const positions = await scene.append(numbered(2))
    const consumer = await scene.join()
    const claims = await scene.claimCount(consumer, 2)
    await scene.control('deleteGroup')(scene.stream, 'group')
    scene.expect(await consumer.settle(acknowledge(claims.slice(0, 1)))).toEqual(positions.slice(0, 1))
    scene.expect(await consumer.heartbeat()).toEqual(positions.slice(1))
    await consumer.leave()
  },

  'attempts of before do not count': async (scene) => {
    await scene.append(numbered(1))
    const consumer = await scene.join()
    const [claim] = await scene.claimCount(consumer, 1)
    await consumer.settle([{ kind: 'retry', position: claim!.position, attempts: 4, delayMs: 0 }])
    await scene.control('deleteGroup')(scene.stream, 'group')
    const [again] = await scene.claimCount(consumer, 1)
    scene.expect(again).toEqual({ ...claim, attempt: 1, origin: 'new' })
    scene.expect(await scene.claimFor(await scene.join(), 100)).toEqual([])
  },

  'several consumers heal it once': async (scene) => {
    const consumers = await Promise.all([scene.join(), scene.join(), scene.join()])
    await scene.control('deleteGroup')(scene.stream, 'group')
    const positions = await scene.append(numbered(30))
    const claimed: string[] = []
    await scene.until('every entry', async () => {
      const claims = await Promise.all(consumers.map((consumer) => scene.claim(consumer, 5, 20)))
      claimed.push(...positionsOf(claims.flat()))
      return claimed.length >= 30
    })
    scene.expect(claimed.sort()).toEqual(positions.sort())
  },

  'other groups notice nothing': async (scene) => {
    await scene.append(numbered(3))
    const [one, two] = [await scene.join({ group: 'one' }), await scene.join({ group: 'two' })]
    const claims = await scene.claimCount(two, 3)
    await scene.control('deleteGroup')(scene.stream, 'one')
    scene.expect((await scene.claimCount(one, 3)).length).toBe(3)
    scene.expect(await two.settle(acknowledge(claims))).toEqual([])
  },
}
