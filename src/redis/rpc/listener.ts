import { pageAfter } from '../../core/entry-size.ts'
import { comparePositions, isEntryId } from '../../core/position.ts'
import type { Listener, Note } from '../../core/rpc.ts'
import type { Entry } from '../../core/stream-log.ts'
import type { Connection } from '../connection.ts'
import { readStreams } from './read-streams.ts'
import { lastPositionsScript } from './rpc-scripts.ts'

/** Entries to read at once: at first, and where they are small. */
const FIRST_PAGE = 20
const MAX_PAGE = 500

/** Reads what is told to all, and requests that are for all, from where the streams ended when it began. */
export class RedisListener implements Listener {
  readonly #reader: Connection
  /** Of the notes first. */
  readonly #streams: [stream: string, after: string][]
  #page = FIRST_PAGE

  constructor(reader: Connection, streams: [stream: string, after: string][]) {
    this.#reader = reader
    this.#streams = streams
  }

  async read(waitMs: number): Promise<{ notes: Note[]; requests: Entry[] }> {
    const found = await readStreams(this.#reader, this.#streams, this.#page, waitMs)
    const all = found.flat()
    if (all.length === 0) await this.#followBack()
    else this.#page = pageAfter(this.#page, all, MAX_PAGE)
    for (const [index, entries] of found.entries()) {
      const last = entries.at(-1)
      if (last) this.#streams[index]![1] = last.position
    }
    const [notes = [], requests = []] = found
    return { notes: notes.map(toNote).filter((note) => note !== undefined), requests }
  }

  /** A stream that was made anew may begin before where we are: after a failover the clock of the server is another. */
  async #followBack(): Promise<void> {
    const last = await lastPositionsScript.run(
      this.#reader,
      this.#streams.map(([stream]) => stream),
      [],
    )
    for (const [index, stream] of this.#streams.entries())
      if (comparePositions(last[index]!, stream[1]) < 0) stream[1] = last[index]!
  }

  close(): Promise<void> {
    return this.#reader.close()
  }
}

/** Anything else in the stream was written by somebody else, and says nothing. */
function toNote({ fields: [kind, position, , parts] }: Entry): Note | undefined {
  if (!isEntryId(position)) return undefined
  if (kind === 'cancel') return { kind, position }
  const count = Number(parts)
  return kind === 'credit' && Number.isSafeInteger(count) ? { kind, position, parts: count } : undefined
}
