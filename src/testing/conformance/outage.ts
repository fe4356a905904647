import { comparePositions, FIRST_POSITION } from '../../core/position.ts'
import type { Claim, Consumer } from '../../core/stream-log.ts'
import { FOR_EVER_MS, acknowledge, numbered, positionsOf, range, type Cases, type Scene } from './scene.ts'

const ENTRIES = 1_000
const PUBLISHERS = 20
const HOUR_MS = 3_600_000

/** Appends one entry under a key until it stands, whatever comes between; answers its position. */
async function publish(scene: Scene, number: number): Promise<string> {
  const entry = { fields: ['number', String(number)], idempotencyKey: `key-${number}` }
  const [position] = await scene.insist(`the entry ${number} to be written`, () => scene.append([entry]))
  return position!
}

/** Twenty publishers share the entries; `afterOne` is told how many are written. */
async function publishAll(scene: Scene, afterOne: (written: number) => void): Promise<void> {
  let next = 0
  let written = 0
  const work = async () => {
    while (next < ENTRIES) {
      await publish(scene, next++)
      afterOne(++written)
    }
  }
  await Promise.all(range(0, PUBLISHERS).map(work))
}

/** Claims and acknowledges until every number was there. */
async function consumeAll(scene: Scene, consumer: Consumer): Promise<void> {
  const seen = new Set<number>()
  await scene.until(`${ENTRIES} entries`, async () => {
    const claims = await scene.insist('a claim', () => scene.claim(consumer, 100, 20))
    await scene.insist('a settlement', () => consumer.settle(acknowledge(claims)))
    for (const { fields } of claims) seen.add(Number(fields[1]))
    return seen.size >= ENTRIES
  })
}

async function goOnThrough(scene: Scene, fault: () => Promise<void>): Promise<void> {
  const consumer = await scene.join()
  const faults: Promise<void>[] = []
  const breakAt = new Set([Math.floor(ENTRIES / 3), Math.floor(ENTRIES / 2)])
  const publishing = publishAll(scene, (written) => {
    if (breakAt.has(written)) faults.push((faults.at(-1) ?? Promise.resolve()).then(fault))
  })
  await Promise.all([publishing, consumeAll(scene, consumer)])
  await Promise.all(faults)
  scene.expect(faults.length).toBe(2)
  const entries = await scene.insist('the stream', () => scene.log.read(scene.stream, FIRST_POSITION, 2_000))
  scene
    .expect(entries.map(({ fields }) => Number(fields[1])).sort((a, b) => a - b))
    .toEqual(range(0, ENTRIES))
  await scene.insist('nothing to be left', () => nothingLeft(scene, consumer))
}

async function nothingLeft(scene: Scene, consumer: Consumer): Promise<void> {
  const claims = await scene.claimFor(consumer, 100)
  // What was acknowledged while the reply was lost is lost to the second call, and pending no more.
  if (claims.length > 0) await consumer.settle(acknowledge(claims))
  scene.expect(claims).toEqual([])
}

export const disconnectCases: Cases = {
  'what is held stays held, and is settled over new connections': async (scene) => {
    const positions = await scene.append(numbered(3))
    const consumer = await scene.join()
    const claims = await scene.claimCount(consumer, 3)
    await scene.control('disconnect')()
    scene.expect(await scene.insist('a heartbeat', () => consumer.heartbeat())).toEqual([])
    scene.expect(await consumer.settle(acknowledge(claims))).toEqual([])
    scene.expect(positionsOf(claims)).toEqual(positions)
  },

  'who waits for entries gets them': async (scene) => {
    const consumer = await scene.join()
    const claimed = scene.insist('an entry', () => claimSome(scene, consumer))
    await scene.letWaitersSettle()
    await scene.control('disconnect')()
    const position = await publish(scene, 1)
    scene.expect(positionsOf(await claimed)).toEqual([position])
  },

  'who reads and waits gets what comes': async (scene) => {
    const [first] = await scene.append(numbered(1))
    const read = () => scene.log.read(scene.stream, first!, 1, { waitMs: FOR_EVER_MS })
    const reading = scene.insist('the next entry', read)
    await scene.letWaitersSettle()
    await scene.control('disconnect')()
    const second = await publish(scene, 1)
    scene.expect(positionsOf(await reading)).toEqual([second])
  },

  'who joins just then is let in': async (scene) => {
    for (const _ of range(0, 3)) {
      await scene.control('disconnect')()
      await scene.join({ group: 'another' })
    }
    await scene.control('disconnect')()
    await joinAndClaim(scene)
  },

  'what is published under keys meanwhile is written once, and every entry comes': (scene) =>
    goOnThrough(scene, scene.control('disconnect')),
}

/** Whoever joins tries no second time: it is the log that waits for its connection. */
async function joinAndClaim(scene: Scene): Promise<void> {
  const consumer = await scene.join()
  const position = await publish(scene, 1)
  const claims = await scene.insist('an entry', () => claimSome(scene, consumer))
  scene.expect(positionsOf(claims)).toEqual([position])
}

/** Fails where nothing came, to be made again. */
async function claimSome(scene: Scene, consumer: Consumer): Promise<Claim[]> {
  const claims = await scene.claim(consumer, 10, FOR_EVER_MS)
  if (claims.length === 0) throw new Error('nothing came')
  return claims
}

export const restartCases: Cases = {
  'entries, what is held, what waits and what is done are all as they were': async (scene) => {
    const keyed = { fields: ['number', '4'], idempotencyKey: 'key' }
    const positions = await scene.append([...numbered(4), keyed])
    const consumer = await scene.join({ deadAfterMs: 60_000 })
    const [done, parked, buried, held] = await scene.claimCount(consumer, 4)
    await consumer.settle([
      ...acknowledge([done!]),
      { kind: 'retry', position: parked!.position, attempts: 1, delayMs: HOUR_MS },
      { kind: 'dead-letter', position: buried!.position, attempts: 1, letter: { error: 'E', reason: 'r' } },
    ])
    await scene.control('restart')()
    scene.expect(await scene.insist('a heartbeat', () => consumer.heartbeat())).toEqual([])
    scene.expect(positionsOf(await scene.log.read(scene.stream, FIRST_POSITION, 10))).toEqual(positions)
    scene.expect(await consumer.waiting(positions)).toEqual([parked!.position])
    scene.expect(await scene.append([keyed])).toEqual(positions.slice(4))
    const letters = await scene.log.read(scene.log.deadLetterStream(scene.stream), FIRST_POSITION, 10)
    scene.expect(letters.length).toBe(1)
    const next = await scene.insist('what is new', () => claimSome(scene, consumer))
    scene.expect(positionsOf(next)).toEqual(positions.slice(4))
    scene.expect(await consumer.settle(acknowledge([held!, ...next]))).toEqual([])
  },

  'who waits for entries gets them': async (scene) => {
    const consumer = await scene.join()
    const claimed = scene.insist('an entry', () => claimSome(scene, consumer))
    await scene.letWaitersSettle()
    await scene.control('restart')()
    const position = await publish(scene, 1)
    scene.expect(positionsOf(await claimed)).toEqual([position])
  },

  'who joins meanwhile is let in when they are back': async (scene) => {
    const restarted = scene.control('restart')()
    await Promise.all([restarted, joinAndClaim(scene)])
  },

  'what is published under keys meanwhile is written once, and every entry comes': (scene) =>
    goOnThrough(scene, scene.control('restart')),

  'what one call writes stays in its order, also where many write before the servers know how': async (
    scene,
  ) => {
    await scene.append(numbered(1))
    await scene.control('restart')()
    const peers = await Promise.all(range(0, 8).map(() => scene.openPeer()))
    const entries = range(0, 1_000).map((n) => ({
      fields: ['number', String(n), 'padding', 'x'.repeat(100)],
    }))
    const writing: Promise<string[]>[] = []
    for (const log of peers) {
      writing.push(scene.append(entries, scene.stream, log))
      // So that some already know how while others are in the middle of their calls.
      await new Promise((resolve) => setImmediate(resolve))
    }
    for (const positions of await Promise.all(writing))
      scene.expect(positions.toSorted(comparePositions)).toEqual(positions)
  },
}
