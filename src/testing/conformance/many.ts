import type { Consumer } from '../../core/stream-log.ts'
import { FOR_EVER_MS, acknowledge, numbered, positionsOf, range, type Cases, type Scene } from './scene.ts'

const retryAtOnce = ({ position, attempt }: { position: string; attempt: number }) =>
  ({ kind: 'retry', position, attempts: attempt, delayMs: 0 }) as const

const numbersOf = (claims: readonly { fields: readonly string[] }[]): number[] =>
  claims.map(({ fields }) => Number(fields[1])).sort((a, b) => a - b)

/** Joins, takes some entries, asks for more and leaves, whether any have come by then or not. */
async function comeAndGo(scene: Scene): Promise<void> {
  const consumer = await scene.join()
  await scene.claim(consumer, 3)
  const controller = new AbortController()
  const claiming = consumer.claim(10, FOR_EVER_MS, controller.signal).catch(() => [])
  await consumer.leave()
  controller.abort()
  await claiming
}

/** Whatever it claims fails, `rounds` times over; then it leaves. */
async function failAll(scene: Scene, consumer: Consumer, count: number, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const claims = await scene.claimCount(consumer, count)
    scene.expect(await consumer.begin(claims)).toEqual([])
    scene.expect(await consumer.settle(claims.map(retryAtOnce))).toEqual([])
  }
  await consumer.leave()
}

export const manyCases: Cases = {
  'twenty streams at once: whoever consumes one gets that one alone, and in order': async (scene) => {
    const consume = async (n: number) => {
      const stream = `${scene.stream}:${n}`
      const consumer = await scene.join({ stream, group: `group ${n}` })
      const positions = await scene.append(numbered(100, n * 100), stream)
      const claims = await scene.claimCount(consumer, 100)
      scene.expect(positionsOf(claims)).toEqual(positions)
      scene.expect(claims.map(({ fields }) => Number(fields[1]))).toEqual(range(n * 100, n * 100 + 100))
      scene.expect(await scene.claimFor(consumer, 50)).toEqual([])
    }
    await Promise.all(range(0, 20).map(consume))
  },

  'a group that comes late gets what was there before it, and goes on beside the others': async (scene) => {
    const consumers: Consumer[] = []
    await scene.append(numbered(1))
    for (const round of [1, 2, 3]) {
      await scene.append(numbered(1, round))
      const newcomer = await scene.join({ group: `group ${round}` })
      scene.expect(numbersOf(await scene.claimCount(newcomer, round + 1))).toEqual(range(0, round + 1))
      for (const consumer of consumers)
        scene.expect(numbersOf(await scene.claimCount(consumer, 1))).toEqual([round])
      consumers.push(newcomer)
    }
  },

  'consumers that come and go while entries are written lose none of them, and no attempt': async (scene) => {
    const positions = await scene.append(numbered(25))
    const [more] = await Promise.all([
      scene.append(numbered(25, 25)),
      ...range(0, 10).map(() => comeAndGo(scene)),
    ])
    positions.push(...more)
    const claims = await scene.claimCount(await scene.join(), 50)
    scene.expect(positionsOf(claims).toSorted()).toEqual(positions.toSorted())
    scene.expect(claims.map(({ attempt }) => attempt)).toEqual(claims.map(() => 1))
  },

  'what fails with consumer after consumer is lost by none, and every start counts': async (scene) => {
    await scene.append(numbered(50))
    for (let n = 0; n < 3; n++) await failAll(scene, await scene.join(), 50, 2)
    const claims = await scene.claimCount(await scene.join(), 50)
    scene.expect(numbersOf(claims)).toEqual(range(0, 50))
    scene.expect(claims.map(({ attempt }) => attempt)).toEqual(claims.map(() => 7))
  },

  'a backlog comes in order, and never more of it than was asked for': async (scene) => {
    const positions = await scene.append(numbered(10_000))
    const consumer = await scene.join()
    const claimed: string[] = []
    await scene.until('the whole backlog', async () => {
      const claims = await scene.claim(consumer, 137)
      scene.expect(claims.length).toBeLessThan(138)
      scene.expect(await consumer.settle(acknowledge(claims))).toEqual([])
      claimed.push(...positionsOf(claims))
      return claimed.length >= positions.length
    })
    scene.expect(claimed).toEqual(positions)
  },
}
