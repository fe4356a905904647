import { comparePositions } from '../core/position.ts'
import type { CopyOf, Entry } from '../core/stream-log.ts'
import { MemoryPending } from './memory-pending.ts'

export interface Copy extends Entry {
  readonly copyOf: CopyOf
}

/** Before the position of a copy: positions of the stream would repeat there. */
const PREFIX = 'inlet/'

export const isInInlet = (position: string): boolean => position.startsWith(PREFIX)

/** Entries for one group alone, copies of what its stream had, and what is pending of them. */
export class MemoryInlet {
  readonly #copies = new Map<string, Copy>()
  #count = 0
  readonly pending = new MemoryPending(this, '0-0')

  add(fields: readonly string[], copyOf: CopyOf): string {
    const copy = { position: `${PREFIX}${++this.#count}-0`, fields, copyOf }
    this.#copies.set(copy.position, copy)
    return copy.position
  }

  find(position: string): Copy | undefined {
    return this.#copies.get(position)
  }

  after(position: string, limit: number): Copy[] {
    const later = [...this.#copies.values()].filter((copy) => comparePositions(copy.position, position) > 0)
    return later.slice(0, limit)
  }

  delete(position: string): void {
    this.#copies.delete(position)
  }
}
