import type { Consumer, Outcome } from '../../core/stream-log.ts'
import { acknowledge, numbered, positionsOf, type Cases, type Scene } from './scene.ts'

/** Long enough for a consumer that sends heartbeats to keep up on a busy machine, short enough to wait for. */
const DEAD_AFTER_MS = 400
const HEARTBEAT_MS = 50

/** A consumer that dies at once: it claims `count` entries and never says anything again. */
async function joinAndDie(scene: Scene, count: number): Promise<Consumer> {
  const consumer = await joinMortal(scene)
  await scene.claimCount(consumer, count)
  return consumer
}

const joinMortal = (scene: Scene) => scene.join({ deadAfterMs: DEAD_AFTER_MS })

async function joinAlive(scene: Scene): Promise<Consumer> {
  const consumer = await joinMortal(scene)
  scene.keepAlive(consumer, HEARTBEAT_MS)
  return consumer
}

export const abandonedCases: Cases = {
  'what a dead consumer held goes to another, as the next attempt': async (scene) => {
    const positions = await scene.append(numbered(10))
    const dead = await joinAndDie(scene, 10)
    await dead.settle(acknowledge(positions.slice(0, 4).map((position) => ({ position }))))
    const claims = await scene.claimCount(await joinAlive(scene), 6)
    scene.expect(positionsOf(claims).sort()).toEqual(positions.slice(4).sort())
    for (const claim of claims) scene.expect(claim).toMatchObject({ attempt: 2, origin: 'abandoned' })
    scene.expect(claims.map(({ fields }) => fields[1]).sort()).toEqual(['4', '5', '6', '7', '8', '9'])
  },

  'what a living consumer holds is left to it, however long it takes': async (scene) => {
    const [position] = await scene.append(numbered(1))
    const [busy, idle] = [await joinAlive(scene), await joinAlive(scene)]
    await scene.claimCount(busy, 1)
    scene.expect(await scene.claimFor(idle, 2 * DEAD_AFTER_MS)).toEqual([])
    scene.expect(await busy.settle(acknowledge([{ position: position! }]))).toEqual([])
  },

  'a claim that never began costs no attempt': async (scene) => {
    await scene.append(numbered(1))
    await joinAndDie(scene, 1)
    await joinAndDie(scene, 1)
    scene.expect((await scene.claimCount(await joinAlive(scene), 1))[0]?.attempt).toBe(2)
  },

  'a claim that began costs one': async (scene) => {
    await scene.append(numbered(1))
    await joinAndDie(scene, 1)
    const second = await joinMortal(scene)
    scene.expect(await second.begin(await scene.claimCount(second, 1))).toEqual([])
    scene.expect((await scene.claimCount(await joinAlive(scene), 1))[0]?.attempt).toBe(3)
  },

  'the former owner can change nothing, in whatever way it settles': async (scene) => {
    const positions = await scene.append(numbered(4))
    const former = await joinAndDie(scene, 4)
    const owner = await joinAlive(scene)
    await scene.claimCount(owner, 4)
    scene.expect((await former.settle(oneOfEachKind(positions))).sort()).toEqual(positions.sort())
    scene.expect(await scene.claimFor(await joinAlive(scene), 100)).toEqual([])
    const letters = scene.log.deadLetterStream(scene.stream)
    scene.expect(await scene.codeOf(() => scene.log.lastPosition(letters))).toBe('UNKNOWN_STREAM')
    scene
      .expect(await owner.settle(positions.map((position) => ({ kind: 'acknowledge', position }))))
      .toEqual([])
  },

  'the former owner learns from its heartbeat what it lost, and takes nothing back': async (scene) => {
    const positions = await scene.append(numbered(3))
    const former = await joinAndDie(scene, 3)
    const owner = await joinAlive(scene)
    await scene.claimCount(owner, 3)
    scene.expect((await former.heartbeat()).sort()).toEqual(positions.sort())
    scene.expect(await former.heartbeat()).toEqual([])
    scene.expect(await owner.heartbeat()).toEqual([])
  },

  'the former owner is told when it begins what it lost': async (scene) => {
    await scene.append(numbered(2))
    await joinAndDie(scene, 2)
    const former = await joinMortal(scene)
    const claims = await scene.claimCount(former, 2)
    const owner = await joinAlive(scene)
    const taken = await scene.claimCount(owner, 2)
    scene.expect((await former.begin(claims)).sort()).toEqual(positionsOf(claims).sort())
    scene.expect(await owner.begin(taken)).toEqual([])
  },

  'a consumer that was silent and lost nothing goes on': async (scene) => {
    const [position] = await scene.append(numbered(1))
    const silent = await joinAndDie(scene, 1)
    await scene.claimFor(silent, 2 * DEAD_AFTER_MS)
    scene.expect(await silent.heartbeat()).toEqual([])
    scene.expect(await silent.settle([{ kind: 'acknowledge', position: position! }])).toEqual([])
  },

  'several heirs share what is left behind, each entry to one': async (scene) => {
    const positions = await scene.append(numbered(200))
    await joinAndDie(scene, 200)
    const heirs = await Promise.all([joinAlive(scene), joinAlive(scene), joinAlive(scene)])
    const claimed: string[] = []
    await scene.until('the whole inheritance', async () => {
      const claims = await Promise.all(heirs.map((heir) => scene.claim(heir, 10, 20)))
      claimed.push(...positionsOf(claims.flat()))
      return claimed.length >= 200
    })
    scene.expect(claimed.sort()).toEqual(positions.sort())
  },
}

function oneOfEachKind(positions: readonly string[]): Outcome[] {
  const [first = '', second = '', third = '', fourth = ''] = positions
  return [
    { kind: 'acknowledge', position: first },
    { kind: 'retry', position: second, attempts: 1, delayMs: 0 },
    { kind: 'release', position: third, attempts: 0 },
    { kind: 'dead-letter', position: fourth, attempts: 1, letter: { error: 'E', reason: 'r' } },
  ]
}

export const strangerCases: Cases = {
  'they lose what they are silent about for long, and not before': async (scene) => {
    const [position] = await scene.append(numbered(1))
    const consumer = await scene.join({ minIdleMs: 300, deadAfterMs: 50 })
    const start = performance.now()
    await scene.control('readAsStranger')(scene.stream, 'group', 'stranger', 10)
    const [claim] = await scene.claimCount(consumer, 1)
    scene.expect(performance.now() - start).toBeGreaterThanOrEqual(298)
    scene.expect(claim).toMatchObject({ position, attempt: 2, origin: 'abandoned' })
  },

  'they keep it while they are not silent for long': async (scene) => {
    await scene.append(numbered(1))
    const consumer = await scene.join({ deadAfterMs: 50 })
    await scene.control('readAsStranger')(scene.stream, 'group', 'stranger', 10)
    scene.expect(await scene.claimFor(consumer, 200)).toEqual([])
  },
}
