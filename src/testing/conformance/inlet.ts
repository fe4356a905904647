import { FIRST_POSITION } from '../../core/position.ts'
import type { CopyOf } from '../../core/stream-log.ts'
import { acknowledge, numbered, positionsOf, range, type Cases, type Scene } from './scene.ts'

const REDRIVEN: CopyOf = { position: '1700000000000-7', cause: 'redrive' }
const REPLAYED: CopyOf = { position: '1700000000000-8', cause: 'replay' }
const FIELDS = ['type', 'order.placed', 'data', '{}']

const copy = (scene: Scene, copyOf = REDRIVEN, fields: readonly string[] = FIELDS, group = 'group') =>
  scene.control('copyToGroup')(scene.stream, group, fields, copyOf)

const whyOf = (stream: string): string[] => [
  'deadletter-stream',
  stream,
  'deadletter-position',
  REDRIVEN.position,
  'deadletter-group',
  'group',
]

export const inletCases: Cases = {
  'a copy comes to its group alone, as a first attempt, and says what it is a copy of': async (scene) => {
    const [consumer, other] = [await scene.join(), await scene.join({ group: 'another' })]
    await copy(scene)
    await copy(scene, REPLAYED, ['__proto__', 'ünï \u0000'])
    const claims = await scene.claimCount(consumer, 2)
    scene.expect(claims).toMatchObject([
      { fields: FIELDS, attempt: 1, origin: 'new', copyOf: REDRIVEN },
      { fields: ['__proto__', 'ünï \u0000'], attempt: 1, origin: 'new', copyOf: REPLAYED },
    ])
    scene.expect(claims[0]?.fields).toEqual(FIELDS)
    scene.expect(new Set(positionsOf(claims)).size).toBe(2)
    scene.expect(await scene.claimFor(other, 100)).toEqual([])
    scene.expect(await consumer.settle(acknowledge(claims))).toEqual([])
    scene.expect((await consumer.settle(acknowledge(claims))).length).toBe(2)
  },

  'copies and new entries come beside each other': async (scene) => {
    const consumer = await scene.join()
    await scene.append(numbered(50))
    for (const number of range(50, 100)) await copy(scene, REDRIVEN, ['number', String(number)])
    const seen: number[] = []
    await scene.until('all of them', async () => {
      const claims = await scene.claim(consumer, 10, 50)
      seen.push(...claims.map(({ fields }) => Number(fields[1])))
      scene.expect(await consumer.settle(acknowledge(claims))).toEqual([])
      return seen.length >= 100
    })
    scene.expect(seen.sort((a, b) => a - b)).toEqual(range(0, 100))
  },

  'a copy is retried, given back and taken over as any other entry': async (scene) => {
    await copy(scene)
    const first = await scene.join({ deadAfterMs: 300 })
    const [claim] = await scene.claimCount(first, 1)
    const { position } = claim!
    await first.settle([{ kind: 'retry', position, attempts: 1, delayMs: 3_600_000 }])
    scene.expect(await first.waiting([position])).toEqual([position])
    await first.expedite([position])
    scene.expect(await scene.claimCount(first, 1)).toEqual([{ ...claim, attempt: 2, origin: 'retry' }])
    await first.settle([{ kind: 'release', position, attempts: 1 }])
    const [third] = await scene.claimCount(first, 1)
    scene.expect(third).toEqual({ ...claim, attempt: 2, origin: 'retry' })
    scene.expect(await first.begin([third!])).toEqual([])
    const heir = await scene.join({ deadAfterMs: 300 })
    scene.keepAlive(heir, 30)
    scene.expect(await scene.claimCount(heir, 1)).toEqual([{ ...claim, attempt: 3, origin: 'abandoned' }])
    scene.expect(await first.heartbeat()).toEqual([position])
    scene.expect(await first.settle(acknowledge([claim!]))).toEqual([position])
    await heir.leave()
    const last = await scene.join()
    scene.expect(await scene.claimCount(last, 1)).toMatchObject([{ position, attempt: 3 }])
    scene.expect(await last.settle(acknowledge([claim!]))).toEqual([])
  },

  'a copy that is given up is a dead letter of its stream, as what it is a copy of': async (scene) => {
    const consumer = await scene.join()
    await copy(scene)
    const [claim] = await scene.claimCount(consumer, 1)
    const letter = { error: 'E', reason: 'r' }
    await consumer.settle([{ kind: 'dead-letter', position: claim!.position, attempts: 1, letter }])
    const letters = await scene.log.read(scene.log.deadLetterStream(scene.stream), FIRST_POSITION, 10)
    scene
      .expect(letters[0]?.fields.slice(0, 14))
      .toEqual([...FIELDS, 'id', REDRIVEN.position, 'source', scene.stream, ...whyOf(scene.stream)])
  },

  'a copy can be the first of its identity, and its duplicate': async (scene) => {
    const consumer = await scene.join()
    await copy(scene)
    await scene.append(numbered(1))
    const claims = await scene.claimCount(consumer, 2)
    claims.sort((a) => (a.copyOf ? -1 : 1))
    const reservations = claims.map(({ position }) => ({ position, identity: 'same' }))
    scene.expect(await consumer.reserve(reservations, 60_000)).toEqual(['run', 'wait'])
    await consumer.settle([{ kind: 'acknowledge', position: claims[0]!.position, identity: 'same' }])
    scene.expect(await consumer.reserve(reservations.slice(1), 60_000)).toEqual(['duplicate'])
  },
}
