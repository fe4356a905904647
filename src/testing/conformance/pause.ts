import { acknowledge, numbered, positionsOf, type Cases, type Scene } from './scene.ts'

const DEAD_AFTER_MS = 400

async function pause(scene: Scene): Promise<void> {
  await scene.control('pauseGroup')(scene.stream, 'group')
}

export const pauseCases: Cases = {
  'hands out nothing: neither new entries nor retries nor what others abandoned': async (scene) => {
    const positions = await scene.append(numbered(3))
    const dead = await scene.join({ deadAfterMs: DEAD_AFTER_MS })
    await scene.claimCount(dead, 1)
    const consumer = await scene.join({ deadAfterMs: DEAD_AFTER_MS })
    const [claim] = await scene.claimCount(consumer, 1)
    await pause(scene)
    await scene.append(numbered(2, 3))
    await consumer.settle([{ kind: 'retry', position: claim!.position, attempts: 1, delayMs: 0 }])
    scene.expect(await scene.claimFor(consumer, DEAD_AFTER_MS + 100)).toEqual([])
    await scene.control('resumeGroup')(scene.stream, 'group')
    scene.expect(await scene.claimNumbers(consumer, [3, 4])).toMatchObject({})
    scene.expect(positions.length).toBe(3)
  },

  'lets what is in hand be settled, and robs nobody': async (scene) => {
    const positions = await scene.append(numbered(2))
    const consumer = await scene.join({ deadAfterMs: DEAD_AFTER_MS })
    scene.keepAlive(consumer, DEAD_AFTER_MS / 10)
    const claims = await scene.claimCount(consumer, 2)
    await pause(scene)
    const other = await scene.join({ deadAfterMs: DEAD_AFTER_MS })
    scene.expect(await scene.claimFor(other, 2 * DEAD_AFTER_MS)).toEqual([])
    scene.expect(await consumer.settle(acknowledge(claims))).toEqual([])
    scene.expect(positionsOf(claims)).toEqual(positions)
  },

  'outlives the group, and ends for who joins later as well': async (scene) => {
    await scene.join()
    await pause(scene)
    await scene.control('deleteGroup')(scene.stream, 'group')
    await scene.append(numbered(1))
    const other = await scene.join()
    scene.expect(await scene.claimFor(other, 200)).toEqual([])
    await scene.control('resumeGroup')(scene.stream, 'group')
    scene.expect((await scene.claimCount(other, 1)).length).toBe(1)
  },

  'stops no other group': async (scene) => {
    await scene.join()
    await pause(scene)
    await scene.append(numbered(1))
    scene.expect((await scene.claimCount(await scene.join({ group: 'another' }), 1)).length).toBe(1)
  },
}
