import type { Claim, Consumer, Outcome } from '../../core/stream-log.ts'
import { acknowledge, numbered, type Cases, type Scene } from './scene.ts'

const ENTRIES = 5_000

const numberOf = ({ fields }: Claim): number => Number(fields[1])

/** Runs consumers side by side until `done` holds as many numbers as there are entries. */
async function consumeAll(
  scene: Scene,
  consumers: readonly Consumer[],
  done: readonly number[],
  settle: (consumer: Consumer, claims: Claim[]) => Promise<void>,
): Promise<void> {
  const run = (consumer: Consumer) =>
    scene.until(`${ENTRIES} entries`, async () => {
      await settle(consumer, await scene.claim(consumer, 100, 20))
      return done.length >= ENTRIES
    })
  await Promise.all(consumers.map(run))
}

const joinMany = (scene: Scene, count: number) =>
  Promise.all(Array.from({ length: count }, () => scene.join()))

const everyNumber = Array.from({ length: ENTRIES }, (_, number) => number)

const sorted = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)

export const throughputCases: Cases = {
  'entries by the thousand pass through four consumers, none lost and none twice': async (scene) => {
    await scene.append(numbered(ENTRIES))
    const done: number[] = []
    await consumeAll(scene, await joinMany(scene, 4), done, async (consumer, claims) => {
      scene.expect(await consumer.settle(acknowledge(claims))).toEqual([])
      done.push(...claims.map(numberOf))
    })
    scene.expect(sorted(done)).toEqual(everyNumber)
  },

  'nor through fifty that ask at once': async (scene) => {
    const done: number[] = []
    const consumers = await joinMany(scene, 50)
    await scene.append(numbered(ENTRIES))
    await consumeAll(scene, consumers, done, async (consumer, claims) => {
      scene.expect(await consumer.settle(acknowledge(claims))).toEqual([])
      done.push(...claims.map(numberOf))
    })
    scene.expect(sorted(done)).toEqual(everyNumber)
  },

  'nor while they are written, some fail and some are given back': async (scene) => {
    const done: number[] = []
    const consumers = await joinMany(scene, 4)
    const consuming = consumeAll(scene, consumers, done, async (consumer, claims) => {
      await consumer.begin(claims)
      const outcomes = claims.map(outcomeOf)
      scene.expect(await consumer.settle(outcomes)).toEqual([])
      done.push(...claims.filter((_, index) => outcomes[index]?.kind === 'acknowledge').map(numberOf))
    })
    for (let from = 0; from < ENTRIES; from += 500) await scene.append(numbered(500, from))
    await consuming
    scene.expect(sorted(done)).toEqual(everyNumber)
  },

  'nor when consumers stop in the middle and others go on': async (scene) => {
    await scene.append(numbered(ENTRIES))
    const done: number[] = []
    for (const consumer of await joinMany(scene, 4)) {
      const claims = await scene.claimCount(consumer, 500)
      await consumer.settle(acknowledge(claims.slice(0, 123)))
      done.push(...claims.slice(0, 123).map(numberOf))
      await consumer.leave()
    }
    await consumeAll(scene, await joinMany(scene, 2), done, async (consumer, claims) => {
      scene.expect(claims.every(({ attempt }) => attempt === 1)).toBe(true)
      await consumer.settle(acknowledge(claims))
      done.push(...claims.map(numberOf))
    })
    scene.expect(sorted(done)).toEqual(everyNumber)
  },
}

/** Every seventh entry fails its first attempt; every eleventh is given back once before that counts. */
function outcomeOf(claim: Claim): Outcome {
  const { position, attempt } = claim
  if (numberOf(claim) % 7 === 0 && attempt === 1) return { kind: 'retry', position, attempts: 1, delayMs: 0 }
  if (numberOf(claim) % 11 === 0 && claim.origin === 'new') return { kind: 'release', position, attempts: 0 }
  return { kind: 'acknowledge', position }
}
