import { FIRST_POSITION, positionTime } from '../../core/position.ts'
import { numbered, positionsOf, type Cases } from './scene.ts'

export const trimmedCases: Cases = {
  'readers and consumers go on with what is left': async (scene) => {
    const positions = await scene.append(numbered(10))
    const consumer = await scene.join()
    await scene.control('trim')(scene.stream, positions[6]!)
    const entries = await scene.log.read(scene.stream, positions[2]!, 10)
    scene.expect(positionsOf(entries)).toEqual(positions.slice(6))
    scene.expect(positionsOf(await scene.claimCount(consumer, 4))).toEqual(positions.slice(6))
  },

  'the last position stays when nothing is left': async (scene) => {
    const [, last] = await scene.append(numbered(2))
    const [end] = await scene.append(numbered(1), `${scene.stream}:later`)
    await scene.control('trim')(scene.stream, `${positionTime(end!) + 1}-0`)
    scene.expect(await scene.log.lastPosition(scene.stream)).toBe(last)
    scene.expect(await scene.log.read(scene.stream, FIRST_POSITION, 10)).toEqual([])
  },

  'what was pending to a dead consumer is not delivered, and holds up nothing': async (scene) => {
    await scene.append(numbered(5))
    const dead = await scene.join({ deadAfterMs: 100 })
    await scene.claimCount(dead, 5)
    const [kept] = await scene.append(numbered(1, 5))
    await scene.control('trim')(scene.stream, kept!)
    const heir = await scene.join({ deadAfterMs: 100 })
    scene.expect(positionsOf(await scene.claimCount(heir, 1))).toEqual([kept])
    scene.expect(await scene.claimFor(heir, 300)).toEqual([])
  },

  'what waited for its retry is not delivered, and holds up nothing': async (scene) => {
    await scene.append(numbered(3))
    const consumer = await scene.join()
    const claims = await scene.claimCount(consumer, 3)
    await consumer.settle(
      claims.map(({ position }) => ({ kind: 'retry', position, attempts: 1, delayMs: 50 })),
    )
    const [kept] = await scene.append(numbered(1, 3))
    await scene.control('trim')(scene.stream, kept!)
    scene.expect(positionsOf(await scene.claimCount(consumer, 1))).toEqual([kept])
    scene.expect(await scene.claimFor(consumer, 150)).toEqual([])
  },

  'what is held can be settled as ever': async (scene) => {
    await scene.append(numbered(3))
    const consumer = await scene.join()
    const [first, second, third] = positionsOf(await scene.claimCount(consumer, 3))
    const [kept] = await scene.append(numbered(1, 3))
    await scene.control('trim')(scene.stream, kept!)
    const lost = await consumer.settle([
      { kind: 'acknowledge', position: first! },
      { kind: 'retry', position: second!, attempts: 1, delayMs: 0 },
      { kind: 'dead-letter', position: third!, attempts: 1, letter: { error: 'E', reason: 'r' } },
    ])
    scene.expect(lost).toEqual([])
    scene.expect(positionsOf(await scene.claimCount(consumer, 1))).toEqual([kept])
    const letters = await scene.log.read(scene.log.deadLetterStream(scene.stream), FIRST_POSITION, 10)
    scene
      .expect(letters.map(({ fields }) => fields.slice(0, 4)))
      .toEqual([['deadletter-stream', scene.stream, 'deadletter-position', third]])
  },
}
