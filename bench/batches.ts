/** Batches under way at once, for every contender that awaits the answer of a batch. */
const UNDER_WAY = 4

/** Writes `total / batch.length` times the same batch. */
export async function inBatches<T>(
  total: number,
  batch: readonly T[],
  write: (batch: readonly T[]) => Promise<unknown>,
): Promise<void> {
  let left = Math.ceil(total / batch.length)
  const writer = async () => {
    while (left-- > 0) await write(batch)
  }
  await Promise.all(Array.from({ length: UNDER_WAY }, writer))
}
