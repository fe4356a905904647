import { comparePositions, FIRST_POSITION, isPosition, positionTime } from '../../core/position.ts'
import type { Entry } from '../../core/stream-log.ts'
import { numbered, positionsOf, type Cases, type Scene } from './scene.ts'

const ODD_FIELDS = [
  ['__proto__', 'a field like any other'],
  ['constructor', 'and another'],
  ['', 'an empty name'],
  ['empty', ''],
  ['spaces', '  '],
  ['日本語', 'ünïcödé 🚂 \u{10ffff}'],
  ['controls', 'nul \u0000, line \r\n, tab \t, escape \u001b'],
  ['quotes', `"'\\`],
  ['byte order mark', '\ufeffx'],
  ['twice', '1'],
  ['twice', '2'],
  ['100 KB', 'é'.repeat(50_000)],
].flat()

export const appendCases: Cases = {
  'a thousand entries keep their order, also within a millisecond': async (scene) => {
    const positions = await scene.append(numbered(1_000))
    scene.expect(positions.every(isPosition)).toBe(true)
    scene.expect(countWhere(positions, (a, b) => comparePositions(a, b) < 0)).toBe(999)
    // Text would put 1-10 before 1-9: the case is worth something only where that matters.
    scene.expect(longestMillisecond(positions)).toBeGreaterThanOrEqual(20)
    scene
      .expect(await readAll(scene, 300))
      .toEqual(numbered(1_000).map(({ fields }, index) => ({ position: positions[index], fields })))
  },

  'positions grow from call to call': async (scene) => {
    const positions: string[] = []
    for (let call = 0; call < 20; call++) positions.push(...(await scene.append(numbered(1))))
    scene.expect(countWhere(positions, (a, b) => comparePositions(a, b) < 0)).toBe(19)
  },

  'fields stay what they are, byte for byte, for readers and consumers': async (scene) => {
    const [position] = await scene.append([{ fields: ODD_FIELDS }])
    const consumer = await scene.join()
    const [claim] = await scene.claimCount(consumer, 1)
    scene.expect(await readAll(scene)).toEqual([{ position, fields: ODD_FIELDS }])
    scene.expect(claim?.fields).toEqual(ODD_FIELDS)
  },

  'entries of different shapes travel in one call': async (scene) => {
    const fields = [['a', '1'], ['b', '1', 'c', '2'], ODD_FIELDS, ['a', '2'], ['a', '3']]
    await scene.append(fields.map((fields) => ({ fields })))
    scene.expect((await readAll(scene)).map((entry) => entry.fields)).toEqual(fields)
  },

  'a stream may have any name': async (scene) => {
    const names = ['__proto__', 'constructor', 'a{b}c', '{x}', '}{', '{}', '../../etc/x', 'ünï 🚂', '%7B']
    for (const stream of names) {
      // Some of these streams may be there from an earlier run: the first entry says where ours begin.
      const [before = ''] = await scene.append(numbered(1), stream)
      const consumer = await scene.join({ stream, group: scene.stream, start: before })
      const [position] = await scene.append(numbered(1, 1), stream)
      const entry = { position, fields: ['number', '1'] }
      scene.expect(await scene.log.read(stream, before, 10)).toEqual([entry])
      scene.expect(await scene.claimCount(consumer, 1)).toEqual([{ ...entry, attempt: 1, origin: 'new' }])
    }
  },

  'a name that would harm is refused': async (scene) => {
    for (const stream of ['', 'line\nbreak', 'x'.repeat(257)]) {
      scene.expect(await scene.codeOf(() => scene.append(numbered(1), stream))).toBe('NAME_INVALID')
      scene.expect(await scene.codeOf(() => scene.log.read(stream, FIRST_POSITION, 1))).toBe('NAME_INVALID')
      scene.expect(await scene.codeOf(() => scene.log.lastPosition(stream))).toBe('NAME_INVALID')
      scene.expect(await scene.codeOf(() => scene.join({ stream }))).toBe('NAME_INVALID')
      scene.expect(await scene.codeOf(() => scene.join({ group: stream }))).toBe('NAME_INVALID')
    }
  },

  'concurrent calls lose nothing, and each keeps its order': async (scene) => {
    const calls = Array.from({ length: 20 }, (_, caller) => scene.append(numbered(50, caller * 50)))
    const answered = await Promise.all(calls)
    const entries = await readAll(scene)
    scene.expect(entries.length).toBe(1_000)
    scene.expect(new Set(answered.flat()).size).toBe(1_000)
    const positionOf = new Map(entries.map(({ position, fields }) => [Number(fields[1]), position]))
    answered.forEach((positions, caller) => {
      scene.expect(positions).toEqual(positions.map((_, index) => positionOf.get(caller * 50 + index)))
    })
  },

  'what the caller does with its fields later changes nothing': async (scene) => {
    const fields = ['number', '1']
    const written = scene.append([{ fields }])
    await written
    fields[1] = '2'
    scene.expect((await readAll(scene))[0]?.fields).toEqual(['number', '1'])
  },

  'no entries are written by writing none': async (scene) => {
    scene.expect(await scene.append([])).toEqual([])
    scene.expect(await scene.codeOf(() => scene.log.lastPosition(scene.stream))).toBe('UNKNOWN_STREAM')
  },
}

/** Everything in the scene's stream, page by page. */
async function readAll({ log, stream }: Scene, limit = 1_000): Promise<Entry[]> {
  const entries: Entry[] = []
  for (let page: Entry[] | undefined; page?.length !== 0; entries.push(...page)) {
    page = await log.read(stream, positionsOf(entries).at(-1) ?? FIRST_POSITION, limit)
  }
  return entries
}

/** In how many pairs of neighbours something holds. */
const countWhere = (items: readonly string[], holds: (a: string, b: string) => boolean): number =>
  items.slice(1).filter((item, index) => holds(items[index]!, item)).length

function longestMillisecond(positions: readonly string[]): number {
  const counts = new Map<number, number>()
  for (const time of positions.map(positionTime)) counts.set(time, (counts.get(time) ?? 0) + 1)
  return Math.max(...counts.values())
}
