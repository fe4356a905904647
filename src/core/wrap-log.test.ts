import { expect, it } from 'vitest'
import type { StreamLog } from './stream-log.ts'
import { wrapLog } from './wrap-log.ts'

/** Answers what it was asked, and keeps its name where only its own methods find it. */
class Echo {
  readonly #name = 'echo'
  append = (...args: unknown[]) => [this.#name, 'append', ...args]
  read(...args: unknown[]) {
    return [this.#name, 'read', ...args]
  }
  lastPosition(...args: unknown[]) {
    return [this.#name, 'lastPosition', ...args]
  }
  deadLetterStream(...args: unknown[]) {
    return [this.#name, 'deadLetterStream', ...args]
  }
  join(...args: unknown[]) {
    return [this.#name, 'join', ...args]
  }
}

const echo = () => new Echo() as unknown as StreamLog
const membership = { stream: 'orders', group: 'billing', consumer: 'one' }

it('hands on every call with all it was given', () => {
  const { append, read, lastPosition, deadLetterStream, join } = wrapLog(echo(), {})
  const signal = new AbortController().signal
  expect(append('orders', [])).toEqual(['echo', 'append', 'orders', []])
  expect(read('orders', '0-0', 5, { signal })).toEqual(['echo', 'read', 'orders', '0-0', 5, { signal }])
  expect(lastPosition('orders')).toEqual(['echo', 'lastPosition', 'orders'])
  expect(deadLetterStream('orders')).toEqual(['echo', 'deadLetterStream', 'orders'])
  expect(join(membership)).toEqual(['echo', 'join', membership])
})

it('but those that are changed', () => {
  const log = wrapLog(echo(), { deadLetterStream: () => 'elsewhere' })
  expect(log.deadLetterStream('orders')).toBe('elsewhere')
  expect(log.lastPosition('orders')).toEqual(['echo', 'lastPosition', 'orders'])
})
