import { FOR_EVER_MS, acknowledge, numbered, positionsOf, type Cases } from './scene.ts'

export const groupCases: Cases = {
  'new entries come in order, as first attempts, up to the limit': async (scene) => {
    const positions = await scene.append(numbered(25))
    const consumer = await scene.join()
    const first = await scene.claim(consumer, 10)
    const rest = await scene.claimCount(consumer, 15)
    scene.expect(first.length).toBe(10)
    scene.expect([...first, ...rest]).toEqual(
      positions.map((position, number) => ({
        position,
        fields: ['number', String(number)],
        attempt: 1,
        origin: 'new',
      })),
    )
  },

  'each entry goes to one consumer of a group': async (scene) => {
    const positions = await scene.append(numbered(300))
    const consumers = await Promise.all([scene.join(), scene.join(), scene.join()])
    const claimed: string[] = []
    await scene.until('every entry', async () => {
      const claims = await Promise.all(consumers.map((consumer) => scene.claim(consumer, 10)))
      claimed.push(...positionsOf(claims.flat()))
      return claimed.length >= 300
    })
    scene.expect(claimed.sort()).toEqual(positions.sort())
  },

  'each group gets every entry': async (scene) => {
    const positions = await scene.append(numbered(20))
    for (const group of ['one', 'two', 'per%cent {braces}']) {
      const claims = await scene.claimCount(await scene.join({ group }), 20)
      scene.expect(positionsOf(claims)).toEqual(positions)
    }
  },

  'a group starts at 0, at what comes next, or after a position': async (scene) => {
    const before = await scene.append(numbered(10))
    const starts = { all: '0', new: '$', after: before[3]! }
    const consumers = await Promise.all(
      Object.entries(starts).map(([group, start]) => scene.join({ group, start })),
    )
    const positions = [...before, ...(await scene.append(numbered(5, 10)))]
    const claimed = await Promise.all(
      [15, 5, 11].map((count, index) => scene.claimCount(consumers[index]!, count)),
    )
    scene.expect(claimed.map(positionsOf)).toEqual([positions, positions.slice(10), positions.slice(4)])
  },

  'a group that exists does not start anew': async (scene) => {
    await scene.append(numbered(4))
    const first = await scene.join()
    await first.settle(acknowledge(await scene.claimCount(first, 2)))
    const claims = await scene.claimCount(await scene.join({ start: '$' }), 2)
    scene.expect(claims.map(({ fields }) => fields[1])).toEqual(['2', '3'])
  },

  'any other start is refused': async (scene) => {
    scene.expect(await scene.codeOf(() => scene.join({ start: 'yesterday' }))).toBe('CONFIGURATION_INVALID')
  },

  'a claim that does not wait answers at once': async (scene) => {
    const start = performance.now()
    scene.expect(await scene.claim(await scene.join(), 10, 0)).toEqual([])
    scene.expect(performance.now() - start).toBeLessThan(2_000)
  },

  'a claim that waits is woken by the next entry': async (scene) => {
    const consumer = await scene.join()
    const claimed = scene.claimCount(consumer, 1)
    await scene.letWaitersSettle()
    const [position] = await scene.append(numbered(1))
    scene.expect(positionsOf(await claimed)).toEqual([position])
  },

  'an abort ends the wait, and nothing is lost by it': async (scene) => {
    const [consumer, other] = [await scene.join(), await scene.join()]
    const controller = new AbortController()
    const claiming = consumer.claim(10, FOR_EVER_MS, controller.signal)
    await scene.letWaitersSettle()
    controller.abort()
    scene.expect(await claiming).toEqual([])
    const positions = await scene.append(numbered(3))
    scene.expect(positionsOf(await scene.claimCount(other, 3))).toEqual(positions)
  },

  'what is settled is settled once': async (scene) => {
    await scene.append(numbered(10))
    const consumer = await scene.join()
    const claims = await scene.claimCount(consumer, 10)
    scene.expect(await consumer.settle(acknowledge(claims.slice(0, 4)))).toEqual([])
    const lost = await consumer.settle(acknowledge(claims))
    scene.expect(lost.sort()).toEqual(positionsOf(claims.slice(0, 4)).sort())
    scene.expect(await consumer.settle([])).toEqual([])
  },

  'outcomes of all kinds settle in one call': async (scene) => {
    await scene.append(numbered(4))
    const consumer = await scene.join()
    const [first, second, third, fourth] = positionsOf(await scene.claimCount(consumer, 4))
    const lost = await consumer.settle([
      { kind: 'dead-letter', position: first!, attempts: 1, letter: { error: 'E', reason: 'r' } },
      { kind: 'retry', position: second!, attempts: 1, delayMs: 0 },
      { kind: 'acknowledge', position: third! },
      { kind: 'release', position: fourth!, attempts: 0 },
    ])
    scene.expect(lost).toEqual([])
    const again = await scene.claimCount(consumer, 2)
    const attempts = new Map(again.map(({ position, attempt }) => [position, attempt]))
    scene.expect(attempts).toEqual(new Map([second, fourth].map((position, index) => [position, 2 - index])))
  },
}
