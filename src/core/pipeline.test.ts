import { expect, test } from 'vitest'
import type { Delivery, Middleware } from './delivery.ts'
import { compose } from './pipeline.ts'

const delivery = {} as Delivery

test('the first middleware is the outermost', async () => {
  const steps: string[] = []
  const named =
    (name: string): Middleware =>
    (next) =>
    async (it) => {
      steps.push(`${name} in`)
      try {
        await next(it)
      } finally {
        steps.push(`${name} out`)
      }
    }
  const handler = compose(
    named('a'),
    named('b'),
  )(() => {
    steps.push('handler')
    throw new Error('failed')
  })
  await expect(handler(delivery)).rejects.toThrow('failed')
  expect(steps).toEqual(['a in', 'b in', 'handler', 'b out', 'a out'])
})

test('none at all is the handler itself', () => {
  const handler = () => {}
  expect(compose()(handler)).toBe(handler)
})

test('what is no function is refused by its place', () => {
  expect(() => compose((next) => next, undefined as never)).toThrow(
    'middleware.1: must be a function, not undefined',
  )
})
