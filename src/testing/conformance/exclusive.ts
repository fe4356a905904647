import type { Claim, Consumer } from '../../core/stream-log.ts'
import { acknowledge, numbered, positionsOf, type Cases, type Scene } from './scene.ts'

const DEAD_AFTER_MS = 600

const join = (scene: Scene, deadAfterMs = DEAD_AFTER_MS): Promise<Consumer> =>
  scene.join({ exclusive: true, deadAfterMs })

async function joinAlive(scene: Scene): Promise<Consumer> {
  const consumer = await join(scene)
  scene.keepAlive(consumer, DEAD_AFTER_MS / 10)
  return consumer
}

/** In the order in which they come, page by page. */
async function claimInPages(scene: Scene, consumer: Consumer, count: number, page: number): Promise<Claim[]> {
  const claims: Claim[] = []
  await scene.until(`${count} claims`, async () => {
    claims.push(...(await scene.claim(consumer, page, 50)))
    return claims.length >= count
  })
  return claims
}

export const exclusiveCases: Cases = {
  'one member gets everything, and the others wait': async (scene) => {
    const holder = await joinAlive(scene)
    const other = await join(scene)
    await scene.append(numbered(1))
    await scene.claimCount(holder, 1)
    await scene.append(numbered(5, 1))
    scene.expect(await scene.claimFor(other, 2 * DEAD_AFTER_MS)).toEqual([])
    scene
      .expect((await scene.claimCount(holder, 5)).map(({ fields }) => fields[1]))
      .toEqual(['1', '2', '3', '4', '5'])
  },

  'a member that leaves lets the next one in': async (scene) => {
    const holder = await join(scene, 60_000)
    const positions = await scene.append(numbered(3))
    await scene.claimCount(holder, 3)
    const other = await join(scene, 60_000)
    scene.expect(await scene.claimFor(other, 50)).toEqual([])
    await holder.leave()
    const told = await claimInPages(scene, other, 3, 10)
    scene.expect(positionsOf(told)).toEqual(positions)
    const claims = told.filter(({ origin }) => origin !== 'parked')
    claims.push(...(await scene.claimCount(other, 3 - claims.length)))
    scene.expect(claims.map(({ attempt }) => attempt)).toEqual([1, 1, 1])
  },

  'a successor learns of all that is pending, in order, before what is new': async (scene) => {
    const positions = await scene.append(numbered(12))
    const dead = await join(scene)
    const claims = await scene.claimCount(dead, 10)
    await dead.settle([
      ...acknowledge([claims[2]!]),
      ...[claims[1]!, claims[6]!].map(({ position }) => ({
        kind: 'retry' as const,
        position,
        attempts: 1,
        delayMs: 3_600_000,
      })),
    ])
    const heir = await joinAlive(scene)
    const told = await claimInPages(scene, heir, 11, 4)
    const expected = positions.filter((_, number) => number !== 2)
    scene.expect(positionsOf(told)).toEqual(expected)
    scene
      .expect(told.map(({ origin }) => origin[0]).join(''))
      .toBe(['a', 'p', 'a', 'a', 'a', 'p', 'a', 'a', 'a', 'n', 'n'].join(''))
    scene.expect(told.map(({ attempt }) => attempt)).toEqual([2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1])
    scene.expect(told[1]?.fields).toEqual(['number', '1'])
    // What was only told is not held, and still waits for its time.
    scene.expect(await heir.waiting(positions)).toEqual([positions[1], positions[6]])
    scene.expect((await heir.settle(acknowledge([told[1]!]))).length).toBe(1)
    await heir.expedite([positions[1]!])
    scene.expect(await scene.claimCount(heir, 1)).toMatchObject([{ position: positions[1], origin: 'retry' }])
  },

  'a holder that was silent for too long has lost everything, and begins anew when it is let in': async (
    scene,
  ) => {
    const positions = await scene.append(numbered(3))
    const holder = await join(scene)
    scene.expect(positionsOf(await scene.claimCount(holder, 3))).toEqual(positions)
    const start = performance.now()
    await scene.until('the end of the lease', () => performance.now() - start > DEAD_AFTER_MS + 50)
    scene.expect((await holder.heartbeat()).sort()).toEqual(positions)
    scene.expect(await holder.heartbeat()).toEqual([])
    const again = await scene.claimCount(holder, 3)
    scene
      .expect(again.map(({ position, attempt }) => [position, attempt]))
      .toEqual(positions.map((position) => [position, 2]))
  },
}
