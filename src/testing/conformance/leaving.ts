import { FOR_EVER_MS, acknowledge, numbered, positionsOf, type Cases } from './scene.ts'

export const leavingCases: Cases = {
  'what is still held goes to others at once, with no attempt spent': async (scene) => {
    const positions = await scene.append(numbered(10))
    const [leaving, staying] = [await scene.join(), await scene.join()]
    await leaving.settle(acknowledge((await scene.claimCount(leaving, 10)).slice(0, 3)))
    await leaving.leave()
    const claims = await scene.claimCount(staying, 7)
    scene.expect(positionsOf(claims).sort()).toEqual(positions.slice(3).sort())
    scene.expect(claims.map(({ attempt }) => attempt)).toEqual(claims.map(() => 1))
  },

  'attempts that were spent before stay spent': async (scene) => {
    await scene.append(numbered(1))
    const first = await scene.join()
    const [claim] = await scene.claimCount(first, 1)
    await first.settle([{ kind: 'retry', position: claim!.position, attempts: 1, delayMs: 0 }])
    for (const begins of [false, true, false]) {
      const leaving = await scene.join()
      const claims = await scene.claimCount(leaving, 1)
      scene.expect(claims[0]?.attempt).toBe(2)
      if (begins) await leaving.begin(claims)
      await leaving.leave()
    }
  },

  'leaving twice is leaving once': async (scene) => {
    await scene.append(numbered(1))
    const [leaving, staying] = [await scene.join(), await scene.join()]
    await scene.claimCount(leaving, 1)
    await Promise.all([leaving.leave(), leaving.leave()])
    const claims = await scene.claimCount(staying, 1)
    await leaving.leave()
    scene.expect(await staying.settle(acknowledge(claims))).toEqual([])
  },

  'what others hold is left alone': async (scene) => {
    await scene.append(numbered(2))
    const [leaving, staying] = [await scene.join(), await scene.join()]
    const [kept] = await scene.claimCount(staying, 1)
    await scene.claimCount(leaving, 1)
    await leaving.leave()
    scene.expect((await scene.claimCount(staying, 1))[0]?.position === kept?.position).toBe(false)
    scene.expect(await staying.settle(acknowledge([kept!]))).toEqual([])
  },

  'a claim that still waits takes nothing with it': async (scene) => {
    const [leaving, staying] = [await scene.join(), await scene.join()]
    const controller = new AbortController()
    const claiming = leaving.claim(10, FOR_EVER_MS, controller.signal).catch(() => [])
    await scene.letWaitersSettle()
    await leaving.leave()
    const positions = await scene.append(numbered(5))
    scene.expect(await claiming).toEqual([])
    scene.expect(positionsOf(await scene.claimCount(staying, 5))).toEqual(positions)
  },

  'a group that all have left goes on where it was': async (scene) => {
    await scene.append(numbered(6))
    const first = await scene.join()
    await first.settle(acknowledge(await scene.claimCount(first, 4)))
    await first.leave()
    await scene.append(numbered(2, 6))
    const claims = await scene.claimCount(await scene.join(), 4)
    scene.expect(claims.map(({ fields }) => fields[1])).toEqual(['4', '5', '6', '7'])
  },
}
