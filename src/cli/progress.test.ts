import { afterEach, expect, it, vi } from 'vitest'
import { CapturedIo } from '../../test/support/captured-io.ts'
import { Progress } from './progress.ts'

let io: CapturedIo
afterEach(() => {
  vi.useRealTimers()
  io.remove()
})

it('is a bar on a terminal, as wide as that', () => {
  io = new CapturedIo()
  Object.assign(io.stderr, { isTTY: true, columns: 60 })
  const progress = new Progress(io, 'trim 7', 'entries')
  progress.update({ done: 5, total: 1_000, note: 'waiting' })
  progress.stop()
  expect(io.stderr.text).toContain(']')
  expect(io.stderr.text).toContain('5/1,000 entries')
})

it('is a line now and then elsewhere, and says no total that nobody knows', () => {
  io = new CapturedIo()
  vi.useFakeTimers({ toFake: ['Date'] })
  const progress = new Progress(io, 'trim 7', 'entries')
  progress.update({ done: 1 })
  expect(io.stderr.text).toBe('')
  vi.advanceTimersByTime(10_000)
  progress.update({ done: 2_000 })
  progress.update({ done: 3_000 })
  progress.stop()
  expect(io.stderr.text).toBe('trim 7  2,000 entries\n')
})
