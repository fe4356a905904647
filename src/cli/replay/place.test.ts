import { describe, expect, it } from 'vitest'
import { checkOrder, parseMoment, parsePlace } from './place.ts'

const NOW = Date.parse('2026-01-28T12:00:00Z')
const place = (text: string) => parsePlace('--from', text, NOW)

describe('a place in a stream', () => {
  it.each([
    ['1700000000000-3', '1700000000000-3'],
    ['0', '0-0'],
    ['-2h', new Date('2026-01-28T10:00:00Z')],
    ['-90m', new Date('2026-01-28T10:30:00Z')],
    ['-3d', new Date('2026-01-25T12:00:00Z')],
    ['2026-01-28', new Date('2026-01-28T00:00:00Z')],
    ['2026-01-28T09:00:00+02:00', new Date('2026-01-28T07:00:00Z')],
  ])('%s', (text, expected) => expect(place(text)).toEqual(expected))

  it.each([
    'yesterday',
    '2026-01-28T09:00',
    '2026-13-01',
    '2h',
    '-2w',
    '-',
    '',
    '1700000000000',
    '-99999999d',
  ])('is not "%s"', (text) => expect(() => place(text)).toThrow(/--from takes a position such as .* not "/))

  it('is no moment where it is a position', () => {
    expect(() => parseMoment('--to', '1-0', NOW)).toThrow(/--to takes a time .* not the position "1-0"/)
    expect(parseMoment('--to', '-1s', NOW)).toEqual(new Date(NOW - 1_000))
  })
})

describe('a range', () => {
  it.each([
    ['5-0', '5-1'],
    ['5-1', '5-1'],
    ['9-0', '10-0'],
    ['-2h', '-1h'],
    ['-1h', '-1h'],
  ])('may go from %s to %s', (from, to) => expect(() => checkOrder(place(from), place(to))).not.toThrow())

  it.each([
    ['10-0', '9-0', /--from 10-0 \(1970-01-01T00:00:00.010Z\) comes after --to 9-0/],
    ['-1h', '-2h', /--from 2026-01-28T11:00:00.000Z comes after --to 2026-01-28T10:00:00.000Z/],
    ['-1h', '1700000000000-0', /comes after --to 1700000000000-0 \(2023-11-14T22:13:20.000Z\)/],
  ])('may not go from %s to %s', (from, to, message) =>
    expect(() => checkOrder(place(from), place(to))).toThrow(message),
  )
})
