import { FIRST_POSITION } from '../../core/position.ts'
import type { NewEntry } from '../../core/stream-log.ts'
import { MillraceError } from '../../core/errors.ts'
import { numbered, type Cases, type Scene } from './scene.ts'

const keyed = (idempotencyKey: string, ...fields: string[]): NewEntry => ({ fields, idempotencyKey })

const written = async ({ log, stream }: Scene): Promise<number> =>
  (await log.read(stream, FIRST_POSITION, 1_000)).length

export const idempotencyCases: Cases = {
  'the same again answers the first position, and writes nothing': async (scene) => {
    const entry = keyed('signup-1', 'type', 'signup', 'data', '{"ü": 1}')
    const [first] = await scene.append([entry])
    scene.expect(await scene.append([entry])).toEqual([first])
    scene.expect(await scene.append([entry, ...numbered(1), entry])).toMatchObject({ 0: first, 2: first })
    scene.expect(await written(scene)).toBe(2)
  },

  'twice in one call is once': async (scene) => {
    const [first, second] = await scene.append([keyed('key', 'a', '1'), keyed('key', 'a', '1')])
    scene.expect(second).toBe(first)
    scene.expect(await written(scene)).toBe(1)
  },

  'callers that race write once': async (scene) => {
    const race = Array.from({ length: 20 }, () => scene.append([keyed('key', 'a', '1')]))
    scene.expect(new Set((await Promise.all(race)).flat()).size).toBe(1)
    scene.expect(await written(scene)).toBe(1)
  },

  'other content under a used key is refused, and that entry alone': async (scene) => {
    const results = await scene.log.append(scene.stream, [
      keyed('key', 'ab', 'c'),
      keyed('key', 'a', 'bc'),
      keyed('other key', 'a', 'bc'),
      keyed('key', 'ab', 'c', 'd', ''),
      ...numbered(1),
    ])
    const kinds = results.map((result) => (result instanceof MillraceError ? result.code : typeof result))
    const conflict = 'IDEMPOTENCY_CONFLICT'
    scene.expect(kinds).toEqual(['string', conflict, 'string', conflict, 'string'])
    scene.expect(await written(scene)).toBe(3)
  },

  'the same from another request and trace is the same': async (scene) => {
    const [first] = await scene.append([keyed('key', 'a', '1', 'correlationid', 'x', 'traceparent', 'y')])
    const again = keyed('key', 'a', '1', 'traceparent', 'other', 'tracestate', 'z')
    scene.expect(await scene.append([again])).toEqual([first])
    scene.expect(await written(scene)).toBe(1)
  },

  'a key may be any text': async (scene) => {
    const keys = ['', '__proto__', 'a b', '{a}', 'ünï 🚂\n\u0000', 'x'.repeat(10_000)]
    const entries = keys.map((key) => keyed(key, 'a', '1'))
    const positions = await scene.append(entries)
    scene.expect(new Set(positions).size).toBe(keys.length)
    scene.expect(await scene.append(entries)).toEqual(positions)
  },

  'a key counts within its stream': async (scene) => {
    await scene.append([keyed('key', 'a', '1')])
    await scene.append([keyed('key', 'a', '2')], `${scene.stream}:other`)
    scene.expect((await scene.log.read(`${scene.stream}:other`, FIRST_POSITION, 10)).length).toBe(1)
  },
}

/** Longer than three calls take, short enough to wait for. */
export const EXPIRING = { idempotencyTtlMs: 500 }

export const expiringKeyCases: Cases = {
  'a key is free again after its time': async (scene) => {
    const start = performance.now()
    const [first] = await scene.append([keyed('key', 'a', '1')])
    await scene.until('the key to be free', async () => {
      const [position] = await scene.append([keyed('key', 'a', '1')])
      return position !== first
    })
    scene.expect(performance.now() - start).toBeGreaterThanOrEqual(EXPIRING.idempotencyTtlMs - 2)
    scene.expect(await written(scene)).toBe(2)
  },
}
