import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InvalidError } from '../core/errors.ts'
import { timetable, type Schedule } from './timetable.ts'

const BERLIN = 'Europe/Berlin'

function ticks(schedule: Schedule, timezone: string, from: string, count: number): string[] {
  const table = timetable(schedule, timezone)
  const found: string[] = []
  for (let time = Date.parse(from); found.length < count;) {
    const next = table.next(time)
    if (next === undefined) break
    found.push(new Date(next).toISOString().replace('.000Z', 'Z'))
    time = next
  }
  return found
}

function issuesOf(schedule: unknown, timezone?: string): string[] {
  try {
    timetable(schedule as Schedule, timezone)
  } catch (error) {
    if (!(error instanceof InvalidError) || error.code !== 'CONFIGURATION_INVALID') throw error
    return error.issues.map(({ path, message }) => `${path}: ${message}`)
  }
  throw new Error('it was expected to be refused')
}

describe('a pattern', () => {
  test('has ticks in UTC unless another time zone is named', () => {
    expect(ticks('0 3 * * *', 'UTC', '2026-01-01T00:00:00Z', 2)).toEqual([
      '2026-01-01T03:00:00Z',
      '2026-01-02T03:00:00Z',
    ])
    expect(timetable('0 3 * * *').next(Date.parse('2026-01-01T00:00:00Z'))).toBe(
      Date.parse('2026-01-01T03:00:00Z'),
    )
    expect(ticks('0 3 * * *', BERLIN, '2026-01-01T00:00:00Z', 1)).toEqual(['2026-01-01T02:00:00Z'])
  })

  test.each(['*/10 * * * * *', '@daily', ' 0  12 * * MON-FRI ', '0 12 L * *', '0 0 0 1 1 * 2020-2030'])(
    '%j is one',
    (pattern) => expect(timetable(pattern).next(Date.parse('2026-01-01T00:00:00Z'))).toBeDefined(),
  )

  test('whose years are over has no next tick, and a last one', () => {
    const table = timetable('0 0 0 1 1 * 2020')
    expect(table.next(Date.parse('2026-01-01'))).toBeUndefined()
    expect(table.last(Date.parse('2026-01-01'))).toBe(Date.parse('2020-01-01'))
    expect(table.last(Date.parse('2019-01-01'))).toBeUndefined()
  })

  test.each([
    ['61 * * * *', 'schedule.minute: field 1, "61"'],
    ['* 25 * * *', 'schedule.hour: field 2, "25"'],
    ['0 0 * * * FOO', 'schedule.weekday: field 6, "FOO"'],
    ['*/0 * * * *', 'schedule.minute: field 1, "*/0"'],
    ['* * 9-5 * *', 'schedule.day: field 3, "9-5"'],
    ['? * * * *', 'schedule.minute: field 1, "?": would mean the moment of the start'],
    ['* * *', 'schedule: "* * *" must have 5 to 7 fields'],
    ['', 'schedule: "" must have 5 to 7 fields'],
    ['@reboot', 'schedule: "@reboot" must have'],
    ['2026-03-29T02:30:00', 'must have 5 to 7 fields'],
    ['0 0 30 2 *', 'schedule: "0 0 30 2 *" names a time that never comes'],
  ])('%j is refused with its place', (pattern, place) => {
    const issues = issuesOf(pattern)
    expect(issues).toHaveLength(1)
    expect(issues[0]).toContain(place)
  })

  test('is refused with every mistake at once', () => {
    const paths = issuesOf('61 25 * 13 *', 'Mars/Phobos').map((issue) => issue.split(':')[0])
    expect(paths).toEqual(['schedule.minute', 'schedule.hour', 'schedule.month', 'timezone'])
  })

  test.each(['', 'local', 5 as never])('a time zone named %j is refused', (timezone) => {
    expect(issuesOf('* * * * *', timezone)[0]).toContain('timezone: must be the name of a time zone')
  })
})

describe('where clocks change, in Berlin', () => {
  test('a daily job runs once on each day: after the gap, and at the first of two', () => {
    expect(ticks('30 2 * * *', BERLIN, '2026-03-28T00:00:00Z', 3)).toEqual([
      '2026-03-28T01:30:00Z',
      '2026-03-29T01:00:00Z',
      '2026-03-30T00:30:00Z',
    ])
    expect(ticks('30 2 * * *', BERLIN, '2026-10-24T00:00:00Z', 3)).toEqual([
      '2026-10-24T00:30:00Z',
      '2026-10-25T00:30:00Z',
      '2026-10-26T01:30:00Z',
    ])
  })

  test('a job of every half hour runs every half hour', () => {
    const halfHours = (from: string) => ticks('*/30 * * * *', BERLIN, from, 12).map(Date.parse)
    for (const from of ['2026-03-28T22:10:00Z', '2026-10-24T22:10:00Z']) {
      const times = halfHours(from)
      expect(times.map((time, index) => time - times[0]! - index * 1_800_000)).toEqual(times.map(() => 0))
    }
  })
})

describe('a period', () => {
  test('has its multiples since 1970 as ticks, so that all instances agree', () => {
    const table = timetable({ everyMs: 250 })
    expect([table.next(1_000), table.next(1_001), table.last(1_000), table.last(999)]).toEqual([
      1_250, 1_250, 1_000, 750,
    ])
  })

  test.each([0, -1, 49, 250.5, Number.NaN, Infinity, 1e300, '250', undefined])(
    'of %j ms is refused',
    (everyMs) => {
      expect(issuesOf({ everyMs })[0]).toContain('schedule.everyMs: must be a whole number of ms from 50 on')
    },
  )

  test.each([undefined, null, 5])('%j is no schedule', (schedule) => {
    expect(issuesOf(schedule)).toHaveLength(1)
  })
})

test('the last tick is the one after which the next but one comes, at any time', () => {
  const schedules: [Schedule, string][] = [
    ['30 2 * * *', BERLIN],
    ['*/30 * * * *', BERLIN],
    ['15,45 1-3 * * *', 'America/New_York'],
    ['*/7 * * * * *', 'Australia/Lord_Howe'],
    [{ everyMs: 700 }, 'UTC'],
  ]
  const time = fc.integer({ min: Date.parse('2026-01-01'), max: Date.parse('2027-01-01') })
  fc.assert(
    fc.property(fc.constantFrom(...schedules), time, ([schedule, timezone], now) => {
      const table = timetable(schedule, timezone)
      const [last, next] = [table.last(now)!, table.next(now)!]
      expect(last).toBeLessThanOrEqual(now)
      expect(next).toBeGreaterThan(now)
      expect(table.next(last)).toBe(next)
      expect(table.last(last)).toBe(last)
      expect(table.next(last - 1)).toBe(last)
    }),
    { numRuns: 300 },
  )
})
