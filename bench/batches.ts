/** For every contender, however many its batch holds: as many as two busy cores need to be busy. */
const EVENTS_UNDER_WAY = 1_000

/** Writes the same batch again and again, `total` events in all, with 1,000 of them on their way at any time. */
export async function inBatches<T>(
  total: number,
  batch: readonly T[],
  write: (batch: readonly T[]) => Promise<unknown>,
): Promise<void> {
  let left = Math.ceil(total / batch.length)
  const writer = async () => {
    while (left-- > 0) await write(batch)
  }
  await Promise.all(Array.from({ length: EVENTS_UNDER_WAY / batch.length }, writer))
}
