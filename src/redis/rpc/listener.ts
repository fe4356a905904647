import { isEntryId } from '../../core/position.ts'
import type { Listener, Note } from '../../core/rpc.ts'
import type { Entry } from '../../core/stream-log.ts'
import type { Connection } from '../connection.ts'
import { readStreams } from './read-streams.ts'

const MAX_READ = 500

/** Reads what is told to all, and requests that are for all, from where the streams ended when it began. */
export class RedisListener implements Listener {
  readonly #reader: Connection
  /** Of the notes first. */
  readonly #streams: [stream: string, after: string][]

  constructor(reader: Connection, streams: [stream: string, after: string][]) {
    this.#reader = reader
    this.#streams = streams
  }

  async read(waitMs: number): Promise<{ notes: Note[]; requests: Entry[] }> {
    const found = await readStreams(this.#reader, this.#streams, MAX_READ, waitMs)
    for (const [index, entries] of found.entries()) {
      const last = entries.at(-1)
      if (last) this.#streams[index]![1] = last.position
    }
    const [notes = [], requests = []] = found
    return { notes: notes.map(toNote).filter((note) => note !== undefined), requests }
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
