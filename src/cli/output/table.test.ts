import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { formatAge, formatCount, formatRate } from './format.ts'
import { renderTable, type Column } from './table.ts'
import { cut, harmless, widthOf } from './text.ts'

interface Row {
  name: string
  count: number
}

const columns: Column<Row>[] = [
  { title: 'NAME', text: ({ name }) => name, shrinks: true },
  { title: 'COUNT', text: ({ count }) => formatCount(count), align: 'right' },
]

describe('a table', () => {
  it('has its numbers one under the other', () => {
    const rows = [
      { name: 'a', count: 1 },
      { name: 'user:events', count: 1_234_567 },
    ]
    expect(renderTable(rows, columns)).toEqual([
      'NAME             COUNT',
      'a                    1',
      'user:events  1,234,567',
    ])
  })

  it('fits: names give way, numbers never', () => {
    const rows = [{ name: 'a-very-long-name-of-a-stream', count: 1_234_567 }]
    expect(renderTable(rows, columns, 24)).toEqual(['NAME               COUNT', 'a-very-long-…  1,234,567'])
  })

  it('ends where a terminal ends that has no room for it', () => {
    const lines = renderTable([{ name: 'a-very-long-name', count: 1_234_567 }], columns, 12)
    expect(lines.every((line) => widthOf(line) <= 12)).toBe(true)
  })

  it('counts what is wide as wide', () => {
    const rows = [
      { name: '注文イベント', count: 1 },
      { name: '👩‍👩‍👧 family', count: 20 },
      { name: 'e\u0301te\u0301', count: 300 },
    ]
    const lines = renderTable(rows, columns, 19)
    expect(lines.map(widthOf)).toEqual([19, 19, 19, 19])
    expect(lines[1]).toBe('注文イベント      1')
  })

  it('is not moved by what somebody wrote into Redis', () => {
    const [, line] = renderTable([{ name: 'a\u001b[2J\nb\u202ec', count: 1 }], columns)
    expect(line).toBe('a?[2J?b?c      1')
  })

  it('has the same width in colours', () => {
    const red: Column<Row>[] = [{ ...columns[0]!, style: () => 'red' }, columns[1]!]
    const paint = (style: string | undefined, text: string) => (style ? `\u001b[31m${text}\u001b[39m` : text)
    const [, line = ''] = renderTable([{ name: 'abc', count: 1 }], red, 80, paint)
    expect(line).toContain('\u001b[31m')
    expect(stripVTControlCharacters(line)).toBe('abc       1')
  })
})

describe('text', () => {
  it.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['abc', 0, ''],
  ])('%s in %i columns is %s', (text, width, expected) => expect(cut(text, width)).toBe(expected))

  it('keeps what is no control character', () => {
    expect(harmless('größe 注文 👩‍👩‍👧')).toBe('größe 注文 👩‍👩‍👧')
  })
})

describe('numbers', () => {
  it.each([
    [0, '0ms'],
    [999, '999ms'],
    [1_000, '1s'],
    [192_000, '3m 12s'],
    [180_000, '3m'],
    [7_500_000, '2h 5m'],
    [273_600_000, '3d 4h'],
    [undefined, '-'],
  ])('an age of %s is %s', (ms, expected) => expect(formatAge(ms)).toBe(expected))

  it('are what they are, or said not to be known', () => {
    expect([formatCount(1_000), formatCount('unknown'), formatCount(undefined)]).toEqual([
      '1,000',
      'unknown',
      '-',
    ])
    expect([formatRate(1_234.56), formatRate(undefined)]).toEqual(['1,234.6/s', '-'])
  })
})
