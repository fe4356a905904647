import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Schedule } from './schedule.ts'

const rates = fc.double({ min: 0.1, max: 100_000, noNaN: true })
const rampUps = fc.integer({ min: 0, max: 60_000 })

describe('a schedule', () => {
  it('is even', () => {
    const schedule = new Schedule(100)
    expect([0, 1, 2, 100].map((index) => schedule.dueAt(index))).toEqual([0, 10, 20, 1_000])
    expect(schedule.dueBefore(1_000)).toBe(100)
    expect(schedule.dueBefore(1_000.1)).toBe(101)
  })

  it('grows to its rate: half as many while it does', () => {
    const schedule = new Schedule(100, 10_000)
    expect(schedule.dueBefore(10_000)).toBe(500)
    expect(schedule.dueBefore(11_000)).toBe(600)
    expect(schedule.dueBefore(1_000)).toBe(5)
  })

  it('never goes back, and counts what it says', () => {
    fc.assert(
      fc.property(rates, rampUps, fc.nat(1_000_000), (rate, rampUp, index) => {
        const schedule = new Schedule(rate, rampUp)
        const due = schedule.dueAt(index)
        expect(schedule.dueAt(index + 1)).toBeGreaterThan(due)
        expect(schedule.dueBefore(due)).toBe(index)
      }),
    )
  })
})
