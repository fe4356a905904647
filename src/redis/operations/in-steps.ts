/** How many calls are on their way at once: enough to keep the server busy, and memory flat. */
const AT_ONCE = 200

/** What `call` answers for each item, in their order; not more than 200 calls at once. */
export async function mapInSteps<Item, Result>(
  items: readonly Item[],
  call: (item: Item) => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result[]> {
  const results: Result[] = []
  let next = 0
  const work = async () => {
    while (next < items.length) {
      signal?.throwIfAborted()
      const index = next++
      results[index] = await call(items[index]!)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, work))
    return results
  } finally {
    next = items.length
  }
}
