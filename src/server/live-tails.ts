import { setMaxListeners } from 'node:events'
import { decodeEntry } from '../core/codec.ts'
import { pageAfter, sizeOf } from '../core/entry-size.ts'
import { MillraceError } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import { pause } from '../core/pause.ts'
import { comparePositions, FIRST_POSITION } from '../core/position.ts'
import type { Entry, StreamLog } from '../core/stream-log.ts'

export type LiveLog = Pick<StreamLog, 'read' | 'lastPosition'>

/** An entry as listeners see it; without an event where it can't be decoded. */
export interface LiveEntry {
  readonly stream: string
  readonly position: string
  readonly event: Event | undefined
}

interface KeptEntry extends LiveEntry {
  readonly size: number
}

/** Of a tail, in UTF-16 units: for listeners who are a little slow. Others read by themselves what they missed. */
const KEPT_SIZE = 4_000_000
const KEPT = 500
const FIRST_PAGE = 20
const MAX_PAGE = 200
/** What one listener holds while its client takes nothing, in UTF-16 units. An entry that is larger comes alone. */
const HELD_SIZE = 200_000
const WAIT_MS = 5_000
/** Pause after a read that failed, and between two looks for a stream that is not there yet, in ms. */
const FAULT_PAUSE_MS = 500

/**
 * Reads streams for any number of listeners: each stream is read once for all of them, while anybody listens. A listener
 * holds its position and a few entries, so one that is slow costs little, and misses nothing that the stream still has.
 */
export class LiveTails {
  readonly #log: () => LiveLog
  readonly #tails = new Map<string, Tail>()

  /** @param log throws while there is none */
  constructor(log: () => LiveLog) {
    this.#log = log
  }

  /** The newest position of a stream; the first one where there is no such stream. */
  async end(stream: string): Promise<string> {
    return this.#log().lastPosition(stream).catch(whereMissing(FIRST_POSITION))
  }

  /** What comes after a position, until the signal is aborted, in pages as they come. */
  async *follow(stream: string, after: string, signal: AbortSignal): AsyncGenerator<readonly LiveEntry[]> {
    if (signal.aborted) return
    const tail = this.#join(stream, signal)
    let position = after
    while (!signal.aborted) {
      const entries = await tail.after(position, signal)
      if (entries.length > 0 && !signal.aborted) yield entries
      position = entries.at(-1)?.position ?? position
    }
  }

  /** Until the signal is aborted: whoever takes no more may never ask this to end. */
  #join(stream: string, signal: AbortSignal): Tail {
    const tail = this.#tails.get(stream) ?? new Tail(stream, this.#log)
    this.#tails.set(stream, tail)
    tail.join()
    const leave = () => {
      if (tail.leave()) this.#tails.delete(stream)
    }
    // One listener may follow any number of streams.
    setMaxListeners(0, signal)
    signal.addEventListener('abort', leave, { once: true })
    return tail
  }
}

/** One stream, read for all who listen to it. */
class Tail {
  readonly #stream: string
  readonly #log: () => LiveLog
  readonly #ending = new AbortController()
  #listeners = 0
  /** The last entries, and the position behind which they begin: undefined before the first read. */
  #kept: KeptEntry[] = []
  #keptSize = 0
  #begin: string | undefined
  #bell = new AbortController()
  /** How many entries to ask for: as many as fit into a reply, if they are as large as the last ones. */
  #page = FIRST_PAGE
  /** Of the entries that were read last, the mean. */
  #entrySize = HELD_SIZE / FIRST_PAGE

  constructor(stream: string, log: () => LiveLog) {
    this.#stream = stream
    this.#log = log
  }

  join(): void {
    if (this.#listeners++ === 0) void this.#run()
  }

  /** Whether that was the last listener. */
  leave(): boolean {
    if (--this.#listeners > 0) return false
    this.#ending.abort()
    return true
  }

  /** The next entries after a position; none where there was nothing for a while, or the log could not be asked. */
  async after(position: string, signal: AbortSignal): Promise<readonly LiveEntry[]> {
    const begin = this.#begin
    if (begin === undefined || comparePositions(position, begin) < 0) {
      const missed = await this.#read(position, signal)
      // What is kept goes on from there only if it still begins where it did.
      if (!missed || missed.length > 0 || this.#begin !== begin) return missed ?? []
    }
    const bell = this.#bell.signal
    const next = held(this.#kept.filter((entry) => comparePositions(entry.position, position) > 0))
    if (next.length === 0) await pause(WAIT_MS, AbortSignal.any([bell, signal]))
    return next
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending
    let after: string | undefined
    while (!signal.aborted) {
      try {
        after ??= await this.#log().lastPosition(this.#stream)
        if (this.#begin === undefined) this.#setOut(after)
        const entries = await this.#log().read(this.#stream, after, this.#page, { waitMs: WAIT_MS, signal })
        after = entries.at(-1)?.position ?? after
        this.#keep(entries)
      } catch (error) {
        // A stream that comes again begins anew, and with it what was kept.
        if (isMissing(error)) this.#forget((after = FIRST_POSITION))
        await pause(FAULT_PAUSE_MS, signal)
      }
    }
  }

  #keep(entries: readonly Entry[]): void {
    if (entries.length === 0) return
    this.#page = pageAfter(this.#page, entries, MAX_PAGE)
    for (const entry of this.#sized(entries)) {
      this.#kept.push(entry)
      this.#keptSize += entry.size
    }
    while (this.#kept.length > KEPT || (this.#keptSize > KEPT_SIZE && this.#kept.length > 0)) {
      const { position, size } = this.#kept.shift()!
      this.#keptSize -= size
      this.#begin = position
    }
    this.#ring()
  }

  #sized(entries: readonly Entry[]): KeptEntry[] {
    const sized = entries.map((entry) => toKept(this.#stream, entry))
    const size = sized.reduce((sum, entry) => sum + entry.size, 0)
    if (sized.length > 0) this.#entrySize = size / sized.length
    return sized
  }

  #forget(begin: string): void {
    this.#kept = []
    this.#keptSize = 0
    this.#begin = begin
  }

  /** Whoever read up to here by themselves may have missed what came since. */
  #setOut(begin: string): void {
    this.#begin = begin
    this.#ring()
  }

  #ring(): void {
    const bell = this.#bell
    this.#bell = new AbortController()
    bell.abort()
  }

  /** Undefined where the log could not be asked. */
  async #read(after: string, signal: AbortSignal): Promise<readonly LiveEntry[] | undefined> {
    try {
      const fits = Math.floor(HELD_SIZE / this.#entrySize)
      const limit = Math.max(1, Math.min(fits, MAX_PAGE))
      return held(this.#sized(await this.#log().read(this.#stream, after, limit)))
    } catch (error) {
      if (isMissing(error)) return []
      await pause(FAULT_PAUSE_MS, signal)
      return undefined
    }
  }
}

/** As many of them as one listener may hold, and one at least. */
function held(entries: readonly KeptEntry[]): readonly KeptEntry[] {
  let size = 0
  const end = entries.findIndex((entry, index) => (size += entry.size) > HELD_SIZE && index > 0)
  return entries.slice(0, Math.min(end === -1 ? MAX_PAGE : end, MAX_PAGE))
}

function toKept(stream: string, entry: Entry): KeptEntry {
  const { position, fields } = entry
  const size = sizeOf(fields)
  try {
    return { stream, position, size, event: decodeEntry(stream, entry) }
  } catch {
    return { stream, position, size, event: undefined }
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof MillraceError && error.code === 'UNKNOWN_STREAM'

const whereMissing =
  <T>(value: T) =>
  (error: unknown): T => {
    if (isMissing(error)) return value
    throw error
  }
