import { decodeEntry } from '../core/codec.ts'
import { MillraceError } from '../core/errors.ts'
import type { Event } from '../core/event.ts'
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

const PAGE = 500
const WAIT_MS = 5_000

/**
 * The simple consumer: reads a stream without a group, so every reader gets every entry, and nothing is remembered
 * on the server. To go on later, begin after the last position that was handled.
 *
 * @throws MillraceError `UNKNOWN_STREAM` when there is no such stream
 */
export async function* tail(
  log: StreamLog,
  stream: string,
  options: TailOptions = {},
): AsyncGenerator<TailedEntry> {
  const { from = '$', follow = true, signal } = options
  let after = await firstPosition(log, stream, from)
  while (!signal?.aborted) {
    const entries = await log.read(stream, after, PAGE, {
      waitMs: follow ? WAIT_MS : 0,
      ...(signal ? { signal } : {}),
    })
    for (const entry of entries) {
      if (signal?.aborted) return
      yield toTailed(stream, entry)
      after = entry.position
    }
    if (!follow && entries.length < PAGE) return
  }
}

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
