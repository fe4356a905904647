import { encodeEvent } from '../core/codec.ts'
import { sizeOf } from '../core/entry-size.ts'
import { InvalidError, MillraceError } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import { checkName } from '../core/names.ts'
import type { NewEntry, StreamLog } from '../core/stream-log.ts'
import { checkEvent, type StreamDeclaration } from '../core/stream.ts'

export interface PublisherOptions {
  /** Largest event, all its fields together, in bytes (1 MiB). A reader must hold many of them at once. */
  maxEventBytes?: number
}

const DEFAULT_MAX_EVENT_BYTES = 1_048_576
const MAX_FIELDS = 256
/** Handed to the log at once by one call; a larger call is cut so that its results need not be held all together. */
const CHUNK = 10_000

/** Turns events into entries and hands them to the log. What can be refused is refused before anything is written. */
export class Publisher {
  readonly #log: StreamLog
  readonly #maxEventBytes: number

  constructor(log: StreamLog, options: PublisherOptions = {}) {
    this.#log = log
    this.#maxEventBytes = options.maxEventBytes ?? DEFAULT_MAX_EVENT_BYTES
  }

  /**
   * Refuses what `publish` would refuse, and writes nothing.
   *
   * @throws InvalidError `EVENT_INVALID` with the fields at fault, MillraceError `EVENT_TOO_LARGE` or `NAME_INVALID`
   */
  async check(target: string | StreamDeclaration, event: NewEvent): Promise<void> {
    checkName('stream name', nameOf(target))
    await checkType(target, event)
    this.#encode(event)
  }

  /** Checks every event, against the declaration where there is one, then writes them in order. */
  async publish(
    target: string | StreamDeclaration,
    events: readonly NewEvent[],
  ): Promise<(string | MillraceError)[]> {
    const stream = nameOf(target)
    checkName('stream name', stream)
    // Two loops, since one that does both is slower by a sixth.
    for (const event of events) {
      const checking = checkType(target, event)
      if (checking) await checking
    }
    const entries = events.map((event) => this.#encode(event))
    if (entries.length <= CHUNK) return this.#log.append(stream, entries)
    const results: (string | MillraceError)[] = []
    for (let from = 0; from < entries.length; from += CHUNK) {
      const part = await this.#log.append(stream, entries.slice(from, from + CHUNK))
      for (const result of part) results.push(result)
    }
    return results
  }

  #encode(event: NewEvent): NewEntry {
    if (event.key !== undefined) checkName('key', event.key)
    if (event.id !== undefined) checkName('event id', event.id)
    if (event.time !== undefined) checkTime(event.time)
    const fields = encodeEvent(event)
    this.#checkSize(fields)
    const { idempotencyKey } = event
    if (idempotencyKey === undefined) return { fields }
    checkName('idempotency key', idempotencyKey)
    return { fields, idempotencyKey }
  }

  #checkSize(fields: readonly string[]): void {
    if (fields.length > 2 * MAX_FIELDS) {
      throw new MillraceError(
        'EVENT_INVALID',
        `an event has at most ${MAX_FIELDS} fields, this one ${fields.length / 2}`,
      )
    }
    // Counting bytes costs; a UTF-16 unit is three bytes at most, so small events need no count.
    if (sizeOf(fields) * 3 <= this.#maxEventBytes) return
    const bytes = fields.reduce((sum, part) => sum + Buffer.byteLength(part), 0)
    if (bytes <= this.#maxEventBytes) return
    const message = `the event has ${bytes} bytes, at most ${this.#maxEventBytes} are allowed; store large data elsewhere and publish a reference`
    throw new MillraceError('EVENT_TOO_LARGE', message)
  }
}

/** TypeScript may be absent: a Date would be written as something else than what is read back. */
function checkTime(time: unknown): void {
  if (typeof time === 'string' && !Number.isNaN(Date.parse(time))) return
  const message = 'must be a date in ISO 8601, such as 2026-01-28T10:00:00Z'
  throw new InvalidError('EVENT_INVALID', 'the event has no valid time', [{ path: 'time', message }])
}

const nameOf = (target: string | StreamDeclaration): string =>
  typeof target === 'string' ? target : target.name

/** A promise only where the schema is asynchronous. A type that is declared has a name that was checked with it. */
function checkType(target: string | StreamDeclaration, event: NewEvent): void | Promise<void> {
  if (typeof target !== 'string') return checkEvent(target, event)
  checkName('event type', event.type)
}
