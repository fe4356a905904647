import { describe, expect, it } from 'vitest'
import { originalFields } from './original-fields.ts'

const POSITION = '1700000000000-3'
const EVENT = ['type', 'thing.done', 'data', '1']
const ID = ['id', POSITION]
const SOURCE = ['source', 'things']
const TIME = ['time', '2023-11-14T22:13:20.000Z']

describe('the fields of an original', () => {
  it.each([
    ['a dead letter that was redriven', [...ID, ...SOURCE, ...TIME], []],
    ['a dead letter', [...ID, ...SOURCE], []],
    ['an event with an id of its own', ['id', '7', ...SOURCE, ...TIME], ['id', '7']],
    ['one with a source of its own', ['source', 'elsewhere', ...ID, ...TIME], ['source', 'elsewhere']],
    ['one with the source that a copy would say', [...SOURCE, ...ID, ...TIME], SOURCE],
    ['an entry that nothing was added to', [], []],
  ])('are found in %s', (_, more, own) => {
    expect(originalFields([...EVENT, ...more], 'things', POSITION)).toEqual([...EVENT, ...own])
  })

  it('are all of them where another place is meant, and where there are none', () => {
    const fields = [...EVENT, ...ID, ...SOURCE, ...TIME]
    expect(originalFields(fields, 'others', '5-0')).toEqual(fields)
    expect(originalFields([], 'things', '99999999999999999999-0')).toEqual([])
  })
})
