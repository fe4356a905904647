import type { Place } from './replay.ts'
import type { Entry } from './stream-log.ts'

export interface EntryRange {
  /** Both ends belong to it; the beginning and the end of the stream where they are left out. */
  from?: Place
  to?: Place
  /** `next` of the page before. */
  after?: string
  /** 1 to 500 (50). */
  limit?: number
  /** `newest` first (default) or `oldest` first. */
  order?: 'newest' | 'oldest'
}

/** An entry as it lies there. `bytes` are those of its names and values; where they are cut, `truncated` says so. */
export interface ListedEntry extends Entry {
  readonly bytes: number
  readonly truncated?: true
}

export interface EntryPage {
  readonly entries: readonly ListedEntry[]
  /** Absent at the end. There may be fewer entries than asked for, where they are large, and yet more to come. */
  readonly next?: string
}

/** Looks at what lies in a stream, whoever wrote it. */
export interface StreamEntries {
  /**
   * A page of entries, of about 1 MB at most; of an entry that is larger than that by itself, values are cut.
   *
   * @throws MillraceError `UNKNOWN_STREAM`
   */
  list(stream: string, range?: EntryRange): Promise<EntryPage>
}
