import {
  checkedEntry,
  DEFAULT_MAX_EVENT_BYTES,
  refuseDurability,
  type PreparedEvent,
} from '../core/checked-entry.ts'
import { MillraceError } from '../core/errors.ts'
import type { NewEvent } from '../core/event.ts'
import { checkName } from '../core/names.ts'
import { checkFunctions, type PublishMiddleware } from '../core/pipeline.ts'
import type { NewEntry, StreamLog } from '../core/stream-log.ts'
import { checkEvent, withVersion, type StreamDeclaration } from '../core/stream.ts'
import type { Tracing } from '../core/tracing.ts'
import { filtered, joinResults, runPipeline, type Parts } from './publish-pipeline.ts'

export interface PublisherOptions {
  /** Largest event, all its fields together, in bytes (1 MiB). A reader must hold many of them at once. */
  maxEventBytes?: number
  /**
   * What every event goes through before it is checked and written, in this order; whatever encrypts comes last. An
   * event that they take out gets the error `EVENT_FILTERED` as its result; one that they split, its last position.
   * Where one of them is asynchronous, as encryption is, a call can overtake an earlier one that was not awaited.
   */
  middleware?: readonly PublishMiddleware[]
  /** Makes spans of what is published, whose context travels with the events; see `openTelemetry`. Off by default. */
  tracing?: Tracing | undefined
}

/** Handed to the log at once by one call; a larger call is cut so that its results need not be held all together. */
const CHUNK = 10_000

/** Turns events into entries and hands them to the log. What can be refused is refused before anything is written. */
export class Publisher {
  readonly #log: StreamLog
  readonly #maxEventBytes: number
  readonly #middleware: readonly PublishMiddleware[]
  readonly #tracing: Tracing | undefined

  /** @throws InvalidError `CONFIGURATION_INVALID` for middleware that is no function */
  constructor(log: StreamLog, options: PublisherOptions = {}) {
    this.#log = log
    this.#middleware = [...(options.middleware ?? [])]
    checkFunctions('middleware', this.#middleware)
    this.#tracing = options.tracing
    this.#maxEventBytes = options.maxEventBytes ?? DEFAULT_MAX_EVENT_BYTES
  }

  /**
   * Refuses what `publish` would refuse, and answers what {@link write} is to write of an event: so all of many can be
   * checked before the first is written. A promise only where there is something to wait for.
   *
   * @throws InvalidError `EVENT_INVALID` with the fields at fault, MillraceError `EVENT_TOO_LARGE` or `NAME_INVALID`
   */
  prepareEntries(
    target: string | StreamDeclaration,
    event: NewEvent,
  ): PreparedEvent | Promise<PreparedEvent> {
    checkName('stream name', nameOf(target))
    const parts = this.#run(target, [event])
    return parts instanceof Promise
      ? parts.then((settled) => this.#entriesOf(settled))
      : this.#entriesOf(parts)
  }

  /** Writes what was prepared for a stream, in order. A result for each event, as of `publish`. */
  async write(stream: string, events: readonly PreparedEvent[]): Promise<(string | MillraceError)[]> {
    const entries = events.length === 1 ? events[0]! : events.flat()
    let end = 0
    const ends = events.map((entries) => (end += entries.length))
    return joinResults(ends, await this.#append(stream, entries))
  }

  /**
   * The entry of one event, after all middleware and checks, for whoever has it written at another time or by another
   * script. It is one entry, so middleware that splits has no place there.
   *
   * @throws MillraceError as `publish`, `EVENT_FILTERED` where middleware took the event out
   */
  async entryOf(target: string | StreamDeclaration, event: NewEvent): Promise<NewEntry> {
    checkName('stream name', nameOf(target))
    refuseDurability(event)
    const [part, ...others] = await this.prepare(target, [event])
    if (!part) throw filtered()
    if (others.length === 0) return checkedEntry(part, this.#maxEventBytes)
    const message = `middleware made ${others.length + 1} events of one where only one can be written; pass them one by one`
    throw new MillraceError('EVENT_INVALID', message)
  }

  /**
   * What `publish` would write of these events, after all middleware and checks: more or fewer of them, it may be. For
   * whoever writes events in another way, such as an outbox.
   *
   * @throws InvalidError or MillraceError `EVENT_INVALID`, `NAME_INVALID`, and what middleware throws
   */
  async prepare(
    target: string | StreamDeclaration,
    events: readonly NewEvent[],
  ): Promise<readonly NewEvent[]> {
    const prepared = (await this.#run(target, events)).events
    const tracing = this.#tracing
    return tracing ? prepared.map((event) => tracing.carry(event)) : prepared
  }

  /**
   * Checks every event, against the declaration where there is one, then writes them in order. A result for each: its
   * position, or why it was not written.
   */
  async publish(
    target: string | StreamDeclaration,
    events: readonly NewEvent[],
  ): Promise<(string | MillraceError)[]> {
    const stream = nameOf(target)
    checkName('stream name', stream)
    if (this.#middleware.length > 0) return this.#publishParts(stream, await this.#run(target, events))
    // Two loops, since one that does both is slower by a sixth.
    for (const event of events) {
      const checking = checkType(target, event)
      if (checking) await checking
    }
    const entries = events.map((event) => checkedEntry(versioned(target, event), this.#maxEventBytes))
    return this.#append(stream, entries)
  }

  #run(target: string | StreamDeclaration, events: readonly NewEvent[]): Parts | Promise<Parts> {
    return runPipeline(this.#middleware, nameOf(target), events, (event) => asWritten(target, event))
  }

  #entriesOf({ events }: Parts): NewEntry[] {
    return events.map((event) => checkedEntry(event, this.#maxEventBytes))
  }

  async #publishParts(stream: string, parts: Parts): Promise<(string | MillraceError)[]> {
    return joinResults(parts.ends, await this.#append(stream, this.#entriesOf(parts)))
  }

  #append(stream: string, entries: readonly NewEntry[]): Promise<(string | MillraceError)[]> {
    const append = (all: readonly NewEntry[]) => this.#write(stream, all)
    return this.#tracing ? this.#tracing.send(stream, entries, append) : append(entries)
  }

  #write(stream: string, entries: readonly NewEntry[]): Promise<(string | MillraceError)[]> {
    return entries.length <= CHUNK ? this.#log.append(stream, entries) : this.#appendChunks(stream, entries)
  }

  async #appendChunks(stream: string, entries: readonly NewEntry[]): Promise<(string | MillraceError)[]> {
    const results: (string | MillraceError)[] = []
    for (let from = 0; from < entries.length; from += CHUNK) {
      const part = await this.#log.append(stream, entries.slice(from, from + CHUNK))
      for (const result of part) results.push(result)
    }
    return results
  }
}

const nameOf = (target: string | StreamDeclaration): string =>
  typeof target === 'string' ? target : target.name

/** A promise only where the schema is asynchronous. A type that is declared has a name that was checked with it. */
function checkType(target: string | StreamDeclaration, event: NewEvent): void | Promise<void> {
  if (typeof target !== 'string') return checkEvent(target, event)
  checkName('event type', event.type)
}

/** The event as it is written, when nothing speaks against it. */
function asWritten(target: string | StreamDeclaration, event: NewEvent): NewEvent | Promise<NewEvent> {
  const checking = checkType(target, event)
  return checking ? checking.then(() => versioned(target, event)) : versioned(target, event)
}

const versioned = (target: string | StreamDeclaration, event: NewEvent): NewEvent =>
  typeof target === 'string' ? event : withVersion(target, event)
