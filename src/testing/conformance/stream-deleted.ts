import { FIRST_POSITION, positionTime } from '../../core/position.ts'
import { FOR_EVER_MS, acknowledge, numbered, positionsOf, range, type Cases, type Scene } from './scene.ts'

/** Deletes the stream, and waits until positions given from now on are larger than all that it had. */
async function deleteStream(scene: Scene): Promise<void> {
  const last = await scene.log.lastPosition(scene.stream)
  await scene.control('deleteStream')(scene.stream)
  await scene.until('the clock to move on', async () => {
    const [now] = await scene.append(numbered(1), `${scene.stream}:clock`)
    return positionTime(now!) > positionTime(last)
  })
}

export const streamDeletedCases: Cases = {
  'what is written under its name later is read from the start': async (scene) => {
    await scene.append(numbered(10))
    const consumer = await scene.join({ start: '$' })
    await scene.append(numbered(5, 10))
    await consumer.settle(acknowledge(await scene.claimCount(consumer, 5)))
    await consumer.heartbeat()
    await deleteStream(scene)
    await scene.append(numbered(4, 100))
    scene.expect(await scene.claimNumbers(consumer, range(100, 104))).toEqual(range(100, 104))
  },

  'it is unknown until it is written again': async (scene) => {
    await scene.append(numbered(1))
    await deleteStream(scene)
    const read = () => scene.log.read(scene.stream, FIRST_POSITION, 10)
    scene.expect(await scene.codeOf(read)).toBe('UNKNOWN_STREAM')
    await scene.append(numbered(1, 1))
    scene.expect((await read()).map(({ fields }) => fields[1])).toEqual(['1'])
  },

  'a consumer that waits gets what is written later': async (scene) => {
    const consumer = await scene.join()
    const claimed = scene.claimCount(consumer, 2)
    await scene.letWaitersSettle()
    await scene.control('deleteStream')(scene.stream)
    const positions = await scene.append(numbered(2))
    scene.expect(positionsOf(await claimed)).toEqual(positions)
  },

  'a reader that waits gets what is written later': async (scene) => {
    const [first] = await scene.append(numbered(1))
    const reading = scene.log.read(scene.stream, first!, 10, { waitMs: FOR_EVER_MS })
    await scene.letWaitersSettle()
    await deleteStream(scene)
    const [second] = await scene.append(numbered(1, 1))
    scene.expect(positionsOf(await reading)).toEqual([second])
  },

  'what was held is lost, and no call throws': async (scene) => {
    const positions = await scene.append(numbered(2))
    const consumer = await scene.join()
    const [first, second] = await scene.claimCount(consumer, 2)
    await deleteStream(scene)
    scene.expect(await consumer.begin([{ ...first!, origin: 'retry' }])).toEqual(positions.slice(0, 1))
    const outcome = { kind: 'retry', position: second!.position, attempts: 1, delayMs: 0 } as const
    scene.expect(await consumer.settle([outcome])).toEqual(positions.slice(1))
    scene.expect(await consumer.heartbeat()).toEqual([])
    await consumer.leave()
  },
}
