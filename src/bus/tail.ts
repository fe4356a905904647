import { decodeEntry } from '../core/codec.ts'
import { pageAfter } from '../core/entry-size.ts'
import { MillraceError } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
import { pause } from '../core/pause.ts'
import { FIRST_POSITION, isPosition } from '../core/position.ts'
import type { Entry, StreamLog } from '../core/stream-log.ts'

export interface TailOptions {
  /** `$` for what comes from now on (default), `0` for everything, or a position after which to begin. */
  from?: string
  /** Go on waiting at the end of the stream (default), or end there. */
  follow?: boolean
  /** Ends the reading. */
  signal?: AbortSignal
}

/** An entry that was read without a group; `event` is absent, with the reason in `error`, if it can't be decoded. */
export interface TailedEntry {
  position: string
  entry: Entry
  event?: Event
  error?: MillraceError
}

const WAIT_MS = 5_000
/** Pause after a read that failed, in ms. */
const FAULT_DELAY_MS = 200
const FIRST_PAGE = 50
const MAX_PAGE = 500

/**
 * The simple consumer: reads a stream without a group, so every reader gets every entry, and nothing is remembered
 * on the server. To go on later, begin after the last position that was handled. Once it follows, it goes on after
 * any fault of the log but the end of the stream.
 *
 * @throws MillraceError `UNKNOWN_STREAM` when there is no such stream, `CLOSED` when the log was closed
 */
export async function* tail(
  log: StreamLog,
  stream: string,
  options: TailOptions = {},
): AsyncGenerator<TailedEntry> {
  const { from = '$', follow = true, signal = new AbortController().signal } = options
  let after = await firstPosition(log, stream, from)
  let page = FIRST_PAGE
  let follows = false
  while (!signal.aborted) {
    const read = log.read(stream, after, page, { waitMs: follow ? WAIT_MS : 0, signal })
    const entries = await (follows ? read.catch((error) => waitOut(error, signal)) : read)
    follows = follow
    for (const entry of entries) {
      if (signal.aborted) return
      yield toTailed(stream, entry)
      after = entry.position
    }
    if (!follow && entries.length < page) return
    page = pageAfter(page, entries, MAX_PAGE)
  }
}

/** Nothing was missed, and the log mends itself. */
async function waitOut(error: MillraceError, signal: AbortSignal): Promise<Entry[]> {
  if (!PASSING.has(error.code)) throw error
  await pause(FAULT_DELAY_MS, signal)
  return []
}

const PASSING: ReadonlySet<string> = new Set(['REDIS_UNAVAILABLE', 'REDIS_UNCERTAIN', 'REDIS_REFUSED'])

async function firstPosition(log: StreamLog, stream: string, from: string): Promise<string> {
  if (from === '$') return log.lastPosition(stream)
  if (from === '0') return FIRST_POSITION
  if (isPosition(from)) return from
  const message = `reading begins at "0", at "$" or after a position such as 1700000000000-0, not at "${from}"`
  throw new MillraceError('CONFIGURATION_INVALID', message)
}

function toTailed(stream: string, entry: Entry): TailedEntry {
  const { position } = entry
  try {
    return { position, entry, event: decodeEntry(stream, entry) }
  } catch (error) {
    return { position, entry, error: error as MillraceError }
  }
}
