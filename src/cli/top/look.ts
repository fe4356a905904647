import type { Operations } from '../../core/operations.ts'
import type { StreamInfo } from '../../core/stream-info.ts'
import { mapInSteps } from '../../redis/operations/in-steps.ts'
import { unknownStream } from '../group/list.ts'

/** A group at one moment. */
export interface GroupLook {
  readonly stream: string
  readonly group: string
  readonly consumers: number
  readonly pending: number
  readonly lag: number | 'unknown'
  /** How many entries it was ever given, and the stream ever took; absent where the server can't tell. */
  readonly read?: number
  readonly added?: number
}

export interface Look {
  /** In ms, of a clock that only goes forward. */
  readonly at: number
  readonly groups: readonly GroupLook[]
}

/** Finding streams means walking the whole keyspace: not with every look, in ms. */
const NAMES_EVERY_MS = 15_000

/** Looks at the groups of all streams, or of some, again and again. */
export class Lookout {
  readonly #operations: Operations
  readonly #wanted: readonly string[]
  #names: readonly string[] = []
  #foundAt = -Infinity

  /** @param wanted the streams to look at; none means all */
  constructor(operations: Operations, wanted: readonly string[]) {
    this.#operations = operations
    this.#wanted = wanted
  }

  /** @throws MillraceError `UNKNOWN_STREAM` for a wanted one that is not there */
  async look(): Promise<Look> {
    const names = await this.#streams()
    const groups = await mapInSteps(names, (name) => this.#lookAt(name))
    return { at: performance.now(), groups: groups.flat() }
  }

  async #streams(): Promise<readonly string[]> {
    if (this.#wanted.length > 0) return this.#wanted
    if (performance.now() - this.#foundAt > NAMES_EVERY_MS) {
      this.#names = await this.#operations.catalogue.names()
      this.#foundAt = performance.now()
    }
    return this.#names
  }

  async #lookAt(stream: string): Promise<GroupLook[]> {
    const info = await this.#operations.streams.info(stream)
    // Found a while ago, it may be deleted by now.
    if (!info && this.#wanted.length > 0) throw unknownStream(stream)
    if (!info) return []
    const behind = await this.#behind(stream, info)
    return info.groups.map(({ group, consumerCount, pending, entriesRead, lag }) => ({
      stream,
      group,
      consumers: consumerCount,
      pending,
      lag: lag ?? behind.get(group) ?? 'unknown',
      ...(entriesRead !== undefined && { read: entriesRead }),
      ...(entriesRead !== undefined && lag !== undefined && { added: entriesRead + lag }),
    }))
  }

  /** Where the server itself can't tell, there are ways that cost more. */
  async #behind(stream: string, { groups }: StreamInfo): Promise<Map<string, number | 'unknown'>> {
    if (groups.every(({ lag }) => lag !== undefined)) return new Map()
    const lags = await this.#operations.stats.lag(stream)
    return new Map(lags.map(({ group, behind }) => [group, behind]))
  }
}
