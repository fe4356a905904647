import { FIRST_POSITION } from '../../core/position.ts'
import { FOR_EVER_MS, numbered, positionsOf, type Cases } from './scene.ts'

export const readCases: Cases = {
  'begins after the position given, and ends at the limit': async (scene) => {
    const positions = await scene.append(numbered(5))
    const read = async (after: string, limit: number) =>
      positionsOf(await scene.log.read(scene.stream, after, limit))
    scene.expect(await read(FIRST_POSITION, 2)).toEqual(positions.slice(0, 2))
    scene.expect(await read(positions[1]!, 2)).toEqual(positions.slice(2, 4))
    scene.expect(await read(positions[3]!, 2)).toEqual(positions.slice(4))
    scene.expect(await read(positions[4]!, 2)).toEqual([])
  },

  'an unknown stream is an error, also for who would wait': async (scene) => {
    const { log, stream } = scene
    const waiting = { waitMs: FOR_EVER_MS }
    scene.expect(await scene.codeOf(() => log.read(stream, FIRST_POSITION, 1))).toBe('UNKNOWN_STREAM')
    scene
      .expect(await scene.codeOf(() => log.read(stream, FIRST_POSITION, 1, waiting)))
      .toBe('UNKNOWN_STREAM')
    scene.expect(await scene.codeOf(() => log.lastPosition(stream))).toBe('UNKNOWN_STREAM')
  },

  'a stream that only has a group is empty, not unknown': async (scene) => {
    await scene.join()
    scene.expect(await scene.log.read(scene.stream, FIRST_POSITION, 1)).toEqual([])
    scene.expect(await scene.log.lastPosition(scene.stream)).toBe(FIRST_POSITION)
  },

  'the last position is that of the newest entry': async (scene) => {
    const positions = await scene.append(numbered(12))
    scene.expect(await scene.log.lastPosition(scene.stream)).toBe(positions[11])
  },

  'who waits is woken by the next entry': async (scene) => {
    const [first] = await scene.append(numbered(1))
    const reading = scene.log.read(scene.stream, first!, 10, { waitMs: FOR_EVER_MS })
    await scene.letWaitersSettle()
    const [second] = await scene.append(numbered(1, 1))
    scene.expect(await reading).toEqual([{ position: second, fields: ['number', '1'] }])
  },

  'who waits in vain gets nothing in the end': async (scene) => {
    const [first] = await scene.append(numbered(1))
    const start = performance.now()
    scene.expect(await scene.log.read(scene.stream, first!, 10, { waitMs: 50 })).toEqual([])
    scene.expect(performance.now() - start).toBeGreaterThanOrEqual(45)
  },

  'what is there is answered without waiting': async (scene) => {
    await scene.append(numbered(3))
    const options = { waitMs: FOR_EVER_MS }
    scene.expect((await scene.log.read(scene.stream, FIRST_POSITION, 10, options)).length).toBe(3)
  },

  'an abort ends the wait, with nothing': async (scene) => {
    const [first] = await scene.append(numbered(1))
    const controller = new AbortController()
    const options = { waitMs: FOR_EVER_MS, signal: controller.signal }
    const reading = scene.log.read(scene.stream, first!, 10, options)
    await scene.letWaitersSettle()
    controller.abort()
    scene.expect(await reading).toEqual([])
    scene.expect(await scene.log.read(scene.stream, first!, 10, options)).toEqual([])
  },

  'many wait for one entry, and all get it': async (scene) => {
    const [first] = await scene.append(numbered(1))
    const options = { waitMs: FOR_EVER_MS }
    const readings = Array.from({ length: 5 }, () => scene.log.read(scene.stream, first!, 10, options))
    await scene.letWaitersSettle()
    const [second] = await scene.append(numbered(1, 1))
    for (const entries of await Promise.all(readings)) scene.expect(positionsOf(entries)).toEqual([second])
  },
}
