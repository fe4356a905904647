import type { Claim, Consumer, Outcome, Verdict } from '../../core/stream-log.ts'
import { numbered, type Cases, type Scene } from './scene.ts'

const TTL_MS = 60_000
const IDENTITY = 'shop/order-1'

const done = ({ position }: Claim, identity = IDENTITY): Outcome => ({
  kind: 'acknowledge',
  position,
  identity,
})

const verdicts = (consumer: Consumer, claims: readonly Claim[], ttlMs = TTL_MS): Promise<Verdict[]> =>
  consumer.reserve(
    claims.map(({ position }) => ({ position, identity: IDENTITY })),
    ttlMs,
  )

async function claimed(scene: Scene, count: number, deadAfterMs = 10_000) {
  await scene.append(numbered(count))
  const consumer = await scene.join({ deadAfterMs })
  return { consumer, claims: await scene.claimCount(consumer, count) }
}

export const reserveCases: Cases = {
  'the first of an identity runs, another waits, and is a duplicate when the first is acknowledged': async (
    scene,
  ) => {
    const { consumer, claims } = await claimed(scene, 3)
    scene.expect(await verdicts(consumer, claims.slice(0, 2))).toEqual(['run', 'wait'])
    scene.expect(await verdicts(consumer, claims)).toEqual(['run', 'wait', 'wait'])
    scene.expect(await consumer.settle([done(claims[0]!)])).toEqual([])
    scene.expect(await verdicts(consumer, claims.slice(1))).toEqual(['duplicate', 'duplicate'])
  },

  'identities that differ do not meet, of whatever length and content': async (scene) => {
    const { consumer, claims } = await claimed(scene, 4)
    const identities = ['a', 'a ', `${'x'.repeat(100_000)}1`, `${'x'.repeat(100_000)}2`]
    const reservations = claims.map(({ position }, n) => ({ position, identity: identities[n]! }))
    scene.expect(await consumer.reserve(reservations, TTL_MS)).toEqual(['run', 'run', 'run', 'run'])
    scene.expect(await consumer.reserve([], TTL_MS)).toEqual([])
  },

  'a reservation is that of the entry, whoever runs it': async (scene) => {
    const { consumer, claims } = await claimed(scene, 2, 300)
    await verdicts(consumer, claims)
    const heir = await scene.join({ deadAfterMs: 300 })
    scene.keepAlive(heir, 50)
    const again = await scene.claimCount(heir, 2)
    const inOrder = claims.map(({ position }) => again.find((claim) => claim.position === position)!)
    scene.expect(await verdicts(heir, inOrder)).toEqual(['run', 'wait'])
  },

  'an acknowledgement that comes too late remembers nothing': async (scene) => {
    const { consumer, claims } = await claimed(scene, 2, 300)
    await verdicts(consumer, claims)
    const heir = await scene.join({ deadAfterMs: 300 })
    scene.keepAlive(heir, 50)
    await scene.claimCount(heir, 2)
    scene.expect(await consumer.settle([done(claims[0]!)])).toEqual([claims[0]!.position])
    scene.expect(await verdicts(heir, claims)).toEqual(['run', 'wait'])
  },

  'an entry that is retried keeps its reservation, one that is given up frees it': async (scene) => {
    const { consumer, claims } = await claimed(scene, 2)
    const [first, second] = claims as [Claim, Claim]
    await verdicts(consumer, claims)
    await consumer.settle([{ kind: 'retry', position: first.position, attempts: 1, delayMs: 0 }])
    scene.expect(await verdicts(consumer, [second])).toEqual(['wait'])
    const [again] = await scene.claimCount(consumer, 1)
    const letter = { error: 'E', reason: 'r' }
    const { position } = again!
    await consumer.settle([{ kind: 'dead-letter', position, attempts: 2, letter, identity: IDENTITY }])
    scene.expect(await verdicts(consumer, [second])).toEqual(['run'])
  },

  'an entry that is acknowledged without its identity holds up nobody': async (scene) => {
    const { consumer, claims } = await claimed(scene, 2)
    await verdicts(consumer, claims)
    await consumer.settle([{ kind: 'acknowledge', position: claims[0]!.position }])
    scene.expect(await verdicts(consumer, claims.slice(1))).toEqual(['run'])
  },

  'who is not first changes nothing by ending': async (scene) => {
    const { consumer, claims } = await claimed(scene, 3)
    const [first, second, third] = claims as [Claim, Claim, Claim]
    await verdicts(consumer, claims)
    const letter = { error: 'E', reason: 'r' }
    await consumer.settle([
      done(second),
      { kind: 'dead-letter', position: third.position, attempts: 1, letter, identity: IDENTITY },
    ])
    scene.expect(await verdicts(consumer, [{ ...third, position: '1-1' }])).toEqual(['wait'])
    await consumer.settle([done(first)])
    scene.expect(await verdicts(consumer, [third])).toEqual(['duplicate'])
  },

  'it lasts for its time': async (scene) => {
    const { consumer, claims } = await claimed(scene, 2)
    scene.expect(await verdicts(consumer, claims.slice(0, 1), 100)).toEqual(['run'])
    await scene.until('its end', async () => (await verdicts(consumer, claims.slice(1)))[0] === 'run')
    scene.expect(await verdicts(consumer, claims)).toEqual(['wait', 'run'])
  },

  'groups do not share identities': async (scene) => {
    const { consumer, claims } = await claimed(scene, 1)
    await verdicts(consumer, claims)
    const other = await scene.join({ group: 'another' })
    scene.expect(await verdicts(other, await scene.claimCount(other, 1))).toEqual(['run'])
  },
}
