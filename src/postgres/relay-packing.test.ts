import { expect, it } from 'vitest'
import { countedUpTo, packed } from './relay-packing.ts'

const due = (...rows: number[]) => rows.map((count, partition) => ({ partition, due: count }))

it('takes partitions together as long as their rows fit into one batch', () => {
  expect(packed(due(1, 2, 3), 500)).toEqual([[0, 1, 2]])
  expect(packed(due(...Array.from({ length: 17 }, () => 62)), 500)).toEqual([
    [0, 1, 2, 3, 4, 5, 6, 7],
    [8, 9, 10, 11, 12, 13, 14, 15],
    [16],
  ])
})

it('leaves a partition alone where much waits', () => {
  const many = countedUpTo(500)
  expect(packed(due(many, 1, many, 2, 3), 500)).toEqual([[0], [1], [2], [3, 4]])
  expect(packed(due(1, 1), 1)).toEqual([[0], [1]])
})

it('has nothing to pack where nothing is due', () => {
  expect(packed([], 500)).toEqual([])
})
