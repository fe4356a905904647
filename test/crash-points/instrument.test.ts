import { describe, expect, it } from 'vitest'
import { instrument } from './instrument.ts'
import * as points from './points.ts'

const compile = (source: string) =>
  instrument(source, { file: 'some/file.ts', points: './points.js', first: 10 })

/** Runs the body of a module, with what was reached in the order in which it was, beside what the body itself notes. */
async function run(body: string): Promise<(string | number)[]> {
  const { code } = compile(`export const run = async (note: (text: string) => void) => {${body}}`)
  const noted: (string | number)[] = []
  const calls = {
    ...points,
    hit: (point: number) => void noted.push(point),
    settled: (point: number, value: unknown) => {
      noted.push(point)
      return value
    },
    watched: (point: number, value: unknown) => {
      if (value instanceof Promise) value.then(undefined, () => noted.push(point))
      return value
    },
  }
  const module = code.replace(/^import .*$/m, '').replace('export const run =', 'return')
  // oxlint-disable-next-line no-new-func -- what was compiled a line before
  const start = new Function('$points', module)(calls) as (note: (text: string) => void) => Promise<void>
  await start((text) => void noted.push(text))
  return noted
}

describe('an await', () => {
  it('has a point before it is started and one after it has settled', async () => {
    const body = `note('a'); const value = await new Promise<string>((end) => { note('b'); end('c') }); note(value)`
    expect(await run(body)).toEqual(['a', 10, 'b', 11, 'c'])
  })

  it('has settled also where it rejects', async () => {
    const body = `try { await Promise.reject(new Error('no')) } catch (error) { note((error as Error).message) }`
    expect(await run(body)).toEqual([10, 11, 'no'])
  })

  it('may stand in another one, behind a condition, and in what is returned', async () => {
    const body = `const inner = async () => { return await Promise.resolve('x') }
      false && (await inner())
      note(await Promise.resolve(await inner()))`
    expect(await run(body)).toEqual([14, 16, 10, 11, 17, 15, 'x'])
  })

  it('begins a line without breaking what stands before it', async () => {
    const body = `const values = [1, 2]
      await Promise.resolve()
      note(String(values.length))`
    expect(await run(body)).toEqual([10, 11, '2'])
  })

  it('is known by its place, and by a name that stays when lines come and go', () => {
    const source = `class House {
      async #door(): Promise<void> {
        await open('front')
        await open('back')
        await open('front')
      }
    }
    const window = async () => (await open('a very long name of a window that nobody wants to read'))`
    expect(compile(source).awaits.map(({ place, name }) => [place, name])).toEqual([
      ['some/file.ts:3:9', `some/file.ts #door: open('front')`],
      ['some/file.ts:4:9', `some/file.ts #door: open('back')`],
      ['some/file.ts:5:9', `some/file.ts #door: open('front') (2)`],
      ['some/file.ts:8:33', `some/file.ts window: open('a very long name of a window that nobody w…`],
    ])
  })

  it('is in each step of a loop that awaits', async () => {
    const { code, awaits } = compile('for await (const item of items()) use(item)')
    expect(code).toContain('for await (const item of $points.each(10, 11, items()))')
    expect(awaits.map(({ name }) => name)).toEqual(['some/file.ts module: items()'])
    const before = new Map(points.reached())
    const seen: number[] = []
    const items = async function* () {
      yield* [1, 2]
    }
    for await (const item of points.each(10, 11, items())) seen.push(item)
    expect(seen).toEqual([1, 2])
    const counted = new Map(points.reached())
    expect([10, 11].map((point) => counted.get(point)! - (before.get(point) ?? 0))).toEqual([3, 3])
  })
})
