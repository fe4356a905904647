import type { CopyOf, Entry } from '../core/stream-log.ts'

export interface Copy extends Entry {
  readonly copyOf: CopyOf
}

/** Entries for one group alone, copies of what its stream had. */
export class MemoryInlet {
  readonly #copies = new Map<string, Copy>()
  #fresh: Copy[] = []
  #count = 0

  add(fields: readonly string[], copyOf: CopyOf): string {
    const copy = { position: `inlet/${++this.#count}-0`, fields, copyOf }
    this.#copies.set(copy.position, copy)
    this.#fresh.push(copy)
    return copy.position
  }

  find(position: string): Copy | undefined {
    return this.#copies.get(position)
  }

  take(limit: number): Copy[] {
    return this.#fresh.splice(0, limit)
  }

  delete(position: string): void {
    this.#copies.delete(position)
  }
}
