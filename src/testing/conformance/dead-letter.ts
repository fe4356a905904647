import { FIRST_POSITION } from '../../core/position.ts'
import type { Claim, Outcome } from '../../core/stream-log.ts'
import { acknowledge, numbered, type Cases, type Scene } from './scene.ts'

const LETTER = { error: 'EVENT_INVALID', reason: 'data.größe: must be\na "number" 🚂' }

const bury = ({ position, attempt }: Claim): Outcome => ({
  kind: 'dead-letter',
  position,
  attempts: attempt,
  letter: LETTER,
})

/** Writes one entry, gives it up, and answers the fields of its copy. */
async function copyOf(scene: Scene, fields: readonly string[]): Promise<string[]> {
  await scene.append([{ fields }])
  const consumer = await scene.join({ consumer: 'gravedigger' })
  const claims = await scene.claimCount(consumer, 1)
  scene.expect(await consumer.settle(claims.map(bury))).toEqual([])
  const letters = await scene.log.read(scene.log.deadLetterStream(scene.stream), FIRST_POSITION, 10)
  scene.expect(letters.length).toBe(1)
  return [...letters[0]!.fields]
}

/** What stands behind the entry's own fields, as an object. */
const rest = (copy: readonly string[], own: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: (copy.length - own.length) / 2 }, (_, index) =>
      copy.slice(own.length + 2 * index, own.length + 2 * index + 2),
    ),
  )

export const deadLetterCases: Cases = {
  'the copy has the fields as they were, who it is, and why it is there': async (scene) => {
    const own = ['type', 'order.placed', 'data', '{"a": 1e2}', '__proto__', 'ünï \u0000', 'empty', '']
    const before = Date.now()
    const copy = await copyOf(scene, own)
    const { 'deadletter-time': time, ...others } = rest(copy, own)
    scene.expect(copy.slice(0, own.length)).toEqual(own)
    const position = await scene.log.lastPosition(scene.stream)
    scene.expect(others).toEqual({
      id: position,
      source: scene.stream,
      'deadletter-stream': scene.stream,
      'deadletter-position': position,
      'deadletter-group': 'group',
      'deadletter-consumer': 'gravedigger',
      'deadletter-attempts': '1',
      'deadletter-error': LETTER.error,
      'deadletter-reason': LETTER.reason,
    })
    scene.expect(new Date(time ?? '').toISOString()).toBe(time)
    scene.expect(Date.parse(time!)).toBeGreaterThanOrEqual(before - 2)
  },

  'an identity that the entry brings is kept': async (scene) => {
    const own = ['type', 'order.placed', 'data', '{}', 'id', 'order-1', 'source', 'shop']
    const copy = await copyOf(scene, own)
    scene.expect(copy.slice(0, own.length)).toEqual(own)
    scene.expect(Object.keys(rest(copy, own)).filter((name) => !name.startsWith('deadletter-'))).toEqual([])
  },

  'an entry from elsewhere gets no identity of ours': async (scene) => {
    const own = ['eventType', 'task.created', 'payload', '{broken', 'timestamp', '1']
    const copy = await copyOf(scene, own)
    scene.expect(copy.slice(0, own.length)).toEqual(own)
    scene.expect(Object.keys(rest(copy, own)).filter((name) => !name.startsWith('deadletter-'))).toEqual([])
  },

  'the original is acknowledged, in its group alone': async (scene) => {
    await scene.append(numbered(1))
    const [failing, fine] = [await scene.join({ group: 'failing' }), await scene.join({ group: 'fine' })]
    const claims = await scene.claimCount(failing, 1)
    await failing.settle(claims.map(bury))
    scene.expect((await failing.settle(acknowledge(claims))).length).toBe(1)
    await failing.leave()
    scene.expect(await scene.claimFor(await scene.join({ group: 'failing' }), 100)).toEqual([])
    scene.expect((await scene.claimCount(fine, 1))[0]?.attempt).toBe(1)
  },

  'the same outcome twice leaves one copy': async (scene) => {
    await scene.append(numbered(1))
    const consumer = await scene.join()
    const [claim] = await scene.claimCount(consumer, 1)
    await consumer.settle([bury(claim!)])
    scene.expect(await consumer.settle([bury(claim!)])).toEqual([claim!.position])
    const letters = scene.log.deadLetterStream(scene.stream)
    scene.expect((await scene.log.read(letters, FIRST_POSITION, 10)).length).toBe(1)
  },

  'the attempts that it took are told': async (scene) => {
    await scene.append(numbered(1))
    const consumer = await scene.join()
    const [first] = await scene.claimCount(consumer, 1)
    await consumer.settle([{ kind: 'retry', position: first!.position, attempts: 1, delayMs: 0 }])
    await consumer.settle((await scene.claimCount(consumer, 1)).map(bury))
    const [letter] = await scene.log.read(scene.log.deadLetterStream(scene.stream), FIRST_POSITION, 10)
    scene.expect(rest(letter!.fields, [])['deadletter-attempts']).toBe('2')
  },

  'each stream has dead letters of its own, whatever its name': async (scene) => {
    const names = ['a', 'b', '{a}', 'a{b}c', '__proto__', scene.log.deadLetterStream('a')]
    const letters = names.slice(1).map((name) => scene.log.deadLetterStream(name))
    scene.expect(new Set([...names, ...letters]).size).toBe(2 * names.length - 1)
  },
}
