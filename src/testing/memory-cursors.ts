import { once } from 'node:events'
import type { CursorLease, Cursors } from '../core/source.ts'

/** Who reads a source, and what those wait for who want to. */
interface Reader {
  readonly name: string
  readonly lost: AbortController
}

/**
 * Cursors in memory, for tests of a source: one reader at a time, like those in Redis.
 *
 * @example
 * const run = await runPipeline(declared, { streams: new MemoryStreamLog(), cursors: new MemoryCursors() })
 */
export class MemoryCursors implements Cursors {
  /** Pipeline → cursor. */
  readonly saved = new Map<string, string>()
  readonly #readers = new Map<string, Reader>()
  #count = 0

  async acquire(
    pipeline: string,
    onBusy: (reader: string) => void,
    signal: AbortSignal,
  ): Promise<CursorLease> {
    for (let busy = this.#readers.get(pipeline); busy; busy = this.#readers.get(pipeline)) {
      onBusy(busy.name)
      const freed = AbortSignal.any([busy.lost.signal, signal])
      if (!freed.aborted) await once(freed, 'abort')
      signal.throwIfAborted()
    }
    const reader: Reader = { name: `reader-${++this.#count}`, lost: new AbortController() }
    this.#readers.set(pipeline, reader)
    return {
      cursor: this.saved.get(pipeline),
      lost: reader.lost.signal,
      save: async (cursor) => {
        const isOurs = this.#readers.get(pipeline) === reader
        if (isOurs) this.saved.set(pipeline, cursor)
        return isOurs
      },
      release: async () => this.take(pipeline, reader.name),
    }
  }

  /** Takes the lease away from whoever has it, or from the one of this name, as where it was not heard of for too long. */
  take(pipeline: string, name = this.#readers.get(pipeline)?.name): void {
    const reader = this.#readers.get(pipeline)
    if (!reader || reader.name !== name) return
    this.#readers.delete(pipeline)
    reader.lost.abort()
  }
}
