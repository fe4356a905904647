import { describe, expect, it } from 'vitest'
import { filterOf, selectionOf } from './filter.ts'

const NOW = Date.parse('2026-01-28T12:00:00Z')

describe('which dead letters', () => {
  it('are named by ids, or found by what they have in common', () => {
    expect(selectionOf(['1-0'], {}, NOW)).toEqual({ ids: ['1-0'] })
    expect(selectionOf([], { all: true }, NOW)).toEqual({ filter: {} })
    expect(selectionOf([], { all: true, group: 'g' }, NOW)).toEqual({ filter: { group: 'g' } })
    expect(selectionOf([], { type: 't', error: 'E', from: '-1h', to: '2026-01-28T11:30:00Z' }, NOW)).toEqual({
      filter: { type: 't', error: 'E', from: new Date(NOW - 3_600_000), to: new Date(NOW - 1_800_000) },
    })
  })

  it('are never all of them because nothing was said', () => {
    expect(() => selectionOf([], {}, NOW)).toThrow(/say which letters: .*--all/)
  })

  it('are not both', () => {
    expect(() => selectionOf(['1-0'], { group: 'g' }, NOW)).toThrow(/not both/)
    expect(() => selectionOf(['1-0'], { all: true }, NOW)).toThrow(/not both/)
  })

  it('are no range the wrong way round', () => {
    expect(() => filterOf({ from: '-1h', to: '-2h' }, NOW)).toThrow(
      /2026-01-28T11:00:00.000Z comes after .*10:00:00/,
    )
  })
})
