import { describe, expect, it } from 'vitest'
import { plain } from '../output/style.ts'
import { widthOf } from '../output/text.ts'
import { frameOf, type TopState } from './frame.ts'
import type { GroupLook } from './look.ts'
import { rowsOf, sorted } from './rows.ts'

const group = (name: string, more: Partial<GroupLook> = {}): GroupLook => ({
  stream: 'orders',
  group: name,
  consumers: 1,
  pending: 0,
  lag: 0,
  ...more,
})
const time = new Date('2026-01-28T10:00:00Z')
const state = (groups: GroupLook[], more: Partial<TopState> = {}): TopState => ({
  rows: rowsOf(undefined, { at: 0, groups }),
  sort: 'lag',
  time,
  ...more,
})

describe('what moved', () => {
  const before = { at: 1_000, groups: [group('a', { read: 100, added: 110, pending: 5 })] }
  const rates = (more: Partial<GroupLook>) =>
    rowsOf(before, { at: 3_000, groups: [group('a', more)] }).map(({ inPerSecond, outPerSecond }) => [
      inPerSecond,
      outPerSecond,
    ])

  it('is told by the second', () => {
    expect(rates({ read: 200, added: 150, pending: 25 })).toEqual([[20, 40]])
  })

  it('is not told where the server does not know, or a group was set back, or is new', () => {
    expect(rates({})).toEqual([[undefined, undefined]])
    expect(rates({ read: 0, added: 90 })).toEqual([[undefined, undefined]])
    expect(rowsOf(before, { at: 3_000, groups: [group('b', { read: 1, added: 1 })] })[0]).not.toHaveProperty(
      'inPerSecond',
    )
    expect(rowsOf(undefined, before)[0]).not.toHaveProperty('outPerSecond')
  })
})

describe('the order', () => {
  const rows = rowsOf(undefined, {
    at: 0,
    groups: [group('b', { lag: 5 }), group('a', { lag: 5, pending: 9 }), group('c', { lag: 'unknown' })],
  })
  it.each([
    ['lag', ['c', 'a', 'b']],
    ['pending', ['a', 'b', 'c']],
    ['name', ['a', 'b', 'c']],
    ['in', ['a', 'b', 'c']],
  ] as const)('by %s', (by, names) => expect(sorted(rows, by).map((row) => row.group)).toEqual(names))
})

describe('a frame', () => {
  it('shows the groups, and what the keys do', () => {
    const lines = frameOf(
      state([group('mailer', { lag: 1_200, pending: 7 })]),
      { columns: 80, rows: 24 },
      plain,
    )
    expect(lines).toEqual([
      'millrace top  10:00:00 UTC  1 group  lag 1,200  pending 7',
      '',
      'STREAM  GROUP     LAG  IN  OUT  PENDING  CONSUMERS',
      'orders  mailer  1,200   -    -        7          1',
      'sort: l lag  p pending  i in  o out  n name   q quit',
    ])
  })

  it.each([
    [40, 8],
    [20, 3],
    [1, 1],
    [200, 50],
  ])('is never larger than %i by %i', (columns, rows) => {
    const groups = Array.from({ length: 30 }, (_, n) => group(`注文-${n}-with-a-very-long-name`, { lag: n }))
    const lines = frameOf(state(groups), { columns, rows }, plain)
    expect(lines.length).toBeLessThanOrEqual(rows)
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns)
  })

  it('says how many more there are, and why there is nothing newer', () => {
    const groups = Array.from({ length: 30 }, (_, n) => group(`g${n}`))
    const lines = frameOf(
      state(groups, { trouble: 'last look 3s ago: away' }),
      { columns: 80, rows: 10 },
      plain,
    )
    expect(lines[0]).toBe('last look 3s ago: away')
    expect(lines.at(-1)).toContain('24 more groups')
  })
})
