import { namedFields } from '../../core/codec.ts'
import { comparePositions, FIRST_POSITION, positionTime } from '../../core/position.ts'
import { numbered, positionsOf, type Cases, type Scene } from './scene.ts'

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
    scene.expect((await tombstones(scene)).map(({ position, error }) => [position, error])).toEqual([
      [second, 'ENTRY_TRIMMED'],
      [third, 'E'],
    ])
  },

  'what can never run any more leaves a tombstone': async (scene) => {
    await scene.append(numbered(4))
    const dead = await scene.join({ deadAfterMs: 200 })
    const [parked, first, second] = await scene.claimCount(dead, 3)
    await dead.settle([{ kind: 'retry', position: parked!.position, attempts: 3, delayMs: 50 }])
    const [kept] = await scene.append(numbered(1, 4))
    await scene.control('trim')(scene.stream, kept!)
    const heir = await scene.join({ deadAfterMs: 200 })
    scene.keepAlive(heir, 20)
    scene.expect(positionsOf(await scene.claimCount(heir, 1))).toEqual([kept])
    await scene.until('the tombstones', async () => {
      scene.expect(await scene.claim(heir, 10, 20)).toEqual([])
      return (await tombstones(scene)).length >= 3
    })
    const found = (await tombstones(scene)).sort((a, b) => comparePositions(a.position, b.position))
    scene.expect(found).toEqual([
      { position: parked!.position, error: 'ENTRY_TRIMMED', attempts: '3', group: 'group' },
      { position: first!.position, error: 'ENTRY_TRIMMED', attempts: '1', group: 'group' },
      { position: second!.position, error: 'ENTRY_TRIMMED', attempts: '1', group: 'group' },
    ])
    scene.expect(await heir.waiting(found.map(({ position }) => position))).toEqual([])
  },
}

/** The dead letters, which have no fields but those that say why. */
async function tombstones({ log, stream, expect }: Scene) {
  const letters = await log.read(log.deadLetterStream(stream), FIRST_POSITION, 10).catch(() => [])
  return letters.map(({ fields }) => {
    expect(fields.slice(0, 2)).toEqual(['deadletter-stream', stream])
    const why = namedFields(fields)
    return {
      position: why.get('deadletter-position')!,
      error: why.get('deadletter-error'),
      attempts: why.get('deadletter-attempts'),
      group: why.get('deadletter-group'),
    }
  })
}
