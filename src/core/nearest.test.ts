import { expect, test } from 'vitest'
import { nearestName } from './nearest.ts'

const known = ['user:events', 'orders', 'Invoices', 'a', 'bc']

test.each([
  ['user:event', 'user:events'],
  ['usr:evnets', 'user:events'],
  ['USER:EVENTS', 'user:events'],
  ['invoice', 'Invoices'],
  ['order', 'orders'],
])('"%s" meant "%s"', (name, meant) => {
  expect(nearestName(name, known)).toBe(meant)
})

test.each(['', 'x', 'zz', 'payments', 'user'])('nothing is near "%s"', (name) => {
  expect(nearestName(name, known)).toBeUndefined()
})

test('of several the nearest is taken, of equals the first', () => {
  expect(nearestName('orderz', ['orders-2', 'ordery', 'orders'])).toBe('ordery')
})

test('names of any length are compared in no time', () => {
  const long = 'x'.repeat(100_000)
  const before = performance.now()
  nearestName(
    long,
    Array.from({ length: 100 }, (_, index) => `${long}${index}`),
  )
  expect(performance.now() - before).toBeLessThan(5_000)
})
