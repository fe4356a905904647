import { expect, it } from 'vitest'
import { Cached } from './cached.ts'

/** Looks that end when they are told to. */
function looks() {
  const open: { answer: (value: number) => void; fail: (error: Error) => void }[] = []
  const cached = new Cached<number>(
    () => new Promise<number>((answer, fail) => void open.push({ answer, fail })),
  )
  return { open, cached }
}

it('looks once for all who ask meanwhile, and for those who come soon', async () => {
  const { open, cached } = looks()
  const asked = [cached.get(1_000), cached.get(0), cached.get(1_000)]
  expect(open).toHaveLength(1)
  open[0]!.answer(1)
  expect(await Promise.all(asked)).toEqual([1, 1, 1])
  expect(await cached.get(60_000)).toBe(1)
  expect(open).toHaveLength(1)
  void cached.get(0)
  expect(open).toHaveLength(2)
})

it('fails for those who waited, and looks again for the next', async () => {
  const { open, cached } = looks()
  const failed = Promise.allSettled([cached.get(1), cached.get(1)])
  open[0]!.fail(new Error('away'))
  expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  const next = cached.get(60_000)
  open[1]!.answer(2)
  expect(await next).toBe(2)
})

it('answers nothing from before a change, also what a look began before it', async () => {
  const { open, cached } = looks()
  const before = cached.get(60_000)
  cached.forget()
  const after = cached.get(60_000)
  expect(open).toHaveLength(2)
  open[1]!.answer(2)
  expect(await after).toBe(2)
  open[0]!.answer(1)
  expect(await before).toBe(1)
  expect(await cached.get(60_000)).toBe(2)
})
