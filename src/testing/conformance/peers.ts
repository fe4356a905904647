import { FIRST_POSITION, comparePositions } from '../../core/position.ts'
import type { StreamLog } from '../../core/stream-log.ts'
import { acknowledge, numbered, positionsOf, range, type Cases, type Scene } from './scene.ts'

const DEAD_AFTER_MS = 400

async function numbersIn({ log, stream }: Scene): Promise<number[]> {
  const numbers: number[] = []
  for (let after = FIRST_POSITION; ;) {
    const entries = await log.read(stream, after, 1_000)
    if (entries.length === 0) return numbers
    numbers.push(...entries.map(({ fields }) => Number(fields[1])))
    after = entries.at(-1)!.position
  }
}

/** A consumer of a log that ends without another word, as a process does that is killed. */
async function joinAndVanish(scene: Scene, count: number): Promise<void> {
  const opened = await scene.control('openPeer')()
  const consumer = await opened.log.join({
    stream: scene.stream,
    group: 'group',
    consumer: 'vanished',
    deadAfterMs: DEAD_AFTER_MS,
  })
  await scene.claimCount(consumer, count)
  await opened.close()
  // Ends its connection; it can tell nobody any more.
  await consumer.leave().catch(() => {})
}

export const peerCases: Cases = {
  'what one log writes wakes who waits on another': async (scene) => {
    const consumer = await scene.join({}, await scene.openPeer())
    const claimed = scene.claimCount(consumer, 1)
    await scene.letWaitersSettle()
    const positions = await scene.append(numbered(1))
    scene.expect(positionsOf(await claimed)).toEqual(positions)
  },

  'positions grow over all of them': async (scene) => {
    const logs = [scene.log, await scene.openPeer(), await scene.openPeer()]
    const positions: string[] = []
    for (const n of range(0, 30))
      positions.push(...(await scene.append(numbered(1), scene.stream, logs[n % 3])))
    scene.expect(positions.toSorted(comparePositions)).toEqual(positions)
    scene.expect(new Set(positions).size).toBe(30)
  },

  'consumers on all of them share one group, each entry to one': async (scene) => {
    const logs = [scene.log, await scene.openPeer(), await scene.openPeer()]
    const consumers = await Promise.all(logs.map((log) => scene.join({}, log)))
    await scene.append(numbered(300))
    const done: number[] = []
    await scene.until('every entry', async () => {
      for (const consumer of consumers) {
        const claims = await scene.claim(consumer, 10)
        scene.expect(await consumer.settle(acknowledge(claims))).toEqual([])
        done.push(...claims.map(({ fields }) => Number(fields[1])))
      }
      return done.length >= 300
    })
    scene.expect(done.sort((a, b) => a - b)).toEqual(range(0, 300))
  },

  'an idempotency key counts for all of them': async (scene) => {
    const logs: StreamLog[] = [scene.log, await scene.openPeer()]
    const entry = { fields: ['number', '1'], idempotencyKey: 'key' }
    const race = range(0, 20).map((n) => scene.append([entry], scene.stream, logs[n % 2]))
    scene.expect(new Set((await Promise.all(race)).flat()).size).toBe(1)
    scene.expect(await numbersIn(scene)).toEqual([1])
  },

  'a log that is closed has written all that it was asked to write': async (scene) => {
    const opened = await scene.control('openPeer')()
    const writing = range(0, 20).map((n) => opened.log.append(scene.stream, numbered(500, n * 500)))
    await opened.close()
    scene.expect((await Promise.all(writing)).flat().every((result) => typeof result === 'string')).toBe(true)
    scene.expect((await numbersIn(scene)).sort((a, b) => a - b)).toEqual(range(0, 10_000))
  },

  'one that is closed disturbs no other': async (scene) => {
    const opened = await scene.control('openPeer')()
    const consumer = await scene.join()
    const claimed = scene.claimCount(consumer, 1)
    await scene.letWaitersSettle()
    await opened.close()
    await scene.append(numbered(1))
    scene.expect(await consumer.settle(acknowledge(await claimed))).toEqual([])
  },

  'what one held that vanished is taken over, as the next attempt, and nothing else': async (scene) => {
    const positions = await scene.append(numbered(20))
    await joinAndVanish(scene, 10)
    const heir = await scene.join({ deadAfterMs: DEAD_AFTER_MS })
    scene.keepAlive(heir, 40)
    const claims = await scene.claimCount(heir, 20)
    const attempts = new Map(claims.map(({ position, attempt }) => [position, attempt]))
    scene.expect(attempts).toEqual(new Map(positions.map((position, n) => [position, n < 10 ? 2 : 1])))
    scene.expect(await heir.settle(acknowledge(claims))).toEqual([])
  },
}
