import type { DuePartition } from './outbox-statement.ts'

/** Of a batch, what one partition fills well enough to go alone. */
const WELL_FILLED = 1 / 8

/** How far the rows of a partition are counted: far enough to pack it. */
export const countedUpTo = (batchSize: number): number => Math.ceil(batchSize * WELL_FILLED)

/**
 * The partitions for each transaction: as many as fill a batch together. Of small transactions the rows of all
 * partitions go at once; where much waits, each partition is alone, and other transactions and relays share the rest.
 */
export function packed(due: readonly DuePartition[], batchSize: number): number[][] {
  const many = countedUpTo(batchSize)
  const packs: number[][] = []
  let room = 0
  for (const { partition, due: rows } of due) {
    if (rows < many && rows <= room) {
      packs.at(-1)!.push(partition)
      room -= rows
    } else {
      packs.push([partition])
      room = rows < many ? batchSize - rows : 0
    }
  }
  return packs
}
