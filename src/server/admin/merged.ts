/** What several sources give, as it comes. Each goes on when what it gave was taken, so that nothing heaps up. */
export async function* merged<T>(sources: readonly AsyncIterator<T>[]): AsyncGenerator<T> {
  const step = async (source: AsyncIterator<T>) => ({ source, result: await source.next() })
  const coming = new Map(sources.map((source) => [source, step(source)]))
  while (coming.size > 0) {
    const { source, result } = await Promise.race(coming.values())
    if (result.done) coming.delete(source)
    else {
      yield result.value
      coming.set(source, step(source))
    }
  }
}
