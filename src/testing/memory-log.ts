import { MillraceError } from '../core/errors.ts'
import { checkName } from '../core/names.ts'
import { isPosition } from '../core/position.ts'
import type {
  Consumer,
  CopyOf,
  Entry,
  Membership,
  NewEntry,
  ReadOptions,
  StreamLog,
} from '../core/stream-log.ts'
import { MemoryConsumer } from './memory-consumer.ts'
import { MemoryStream } from './memory-stream.ts'

export interface MemoryStreamLogOptions {
  /** How long an idempotency key is remembered, in ms (10 minutes). */
  idempotencyTtlMs?: number
}

const DEFAULTS = { idempotencyTtlMs: 600_000 } satisfies Required<MemoryStreamLogOptions>

/**
 * A StreamLog in memory, for tests without a server: it behaves as the one on Redis does, and forgets everything with
 * the process. It keeps no timer beyond the calls that wait, so there is nothing to close. Its clock is that of
 * `Date` and `setTimeout`, so fake timers rule it.
 *
 * @example
 * const log = new MemoryStreamLog()
 * const [position] = await log.append('user:events', [{ fields: ['type', 'user.created', 'data', '{}'] }])
 */
export class MemoryStreamLog implements StreamLog {
  readonly #options: Required<MemoryStreamLogOptions>
  readonly #streams = new Map<string, MemoryStream>()

  constructor(options: MemoryStreamLogOptions = {}) {
    this.#options = { ...DEFAULTS, ...options }
  }

  async append(stream: string, entries: readonly NewEntry[]): Promise<(string | MillraceError)[]> {
    checkName('stream name', stream)
    return entries.map((entry) => this.#stream(stream).appendOnce(entry, this.#options.idempotencyTtlMs))
  }

  async read(stream: string, after: string, limit: number, options: ReadOptions = {}): Promise<Entry[]> {
    const { waitMs = 0, signal } = options
    const source = this.#known(stream)
    const deadline = Date.now() + waitMs
    for (;;) {
      const entries = source.after(after, limit)
      const remaining = deadline - Date.now()
      if (entries.length > 0 || remaining <= 0 || signal?.aborted) return entries
      await source.bell.wait(remaining, signal)
    }
  }

  async lastPosition(stream: string): Promise<string> {
    return this.#known(stream).lastPosition
  }

  deadLetterStream(stream: string): string {
    return `${stream}:dead-letter`
  }

  async join(membership: Membership): Promise<Consumer> {
    const { stream, group, start = '0' } = membership
    checkName('stream name', stream)
    checkName('group name', group)
    if (start !== '0' && start !== '$' && !isPosition(start)) {
      throw new MillraceError(
        'CONFIGURATION_INVALID',
        `a group starts at 0, $ or a position, not at "${start}"`,
      )
    }
    return new MemoryConsumer(membership, this.deadLetterStream(stream), (name) => this.#stream(name))
  }

  /** As `DEL` does: the groups go with it. */
  async deleteStream(stream: string): Promise<void> {
    this.#stream(stream).delete()
  }

  /** As `XGROUP DESTROY` does. */
  async deleteGroup(stream: string, group: string): Promise<void> {
    this.#stream(stream).deleteGroup(group)
  }

  /** Drops the entries before a position, pending or not, as `XTRIM MINID` does. */
  async trim(stream: string, minPosition: string): Promise<void> {
    this.#stream(stream).trim(minPosition)
  }

  /** Reads new entries as a consumer of other software does, which sends no heartbeats. */
  async readAsStranger(stream: string, group: string, consumer: string, limit: number): Promise<Entry[]> {
    return this.#stream(stream).openGroup(group, '0').claimAsStranger(consumer, limit)
  }

  /** No member of the group is handed entries until it is resumed. */
  async pauseGroup(stream: string, group: string): Promise<void> {
    this.#stream(stream).group(group).paused = true
  }

  async resumeGroup(stream: string, group: string): Promise<void> {
    const source = this.#stream(stream)
    source.group(group).paused = false
    source.bell.ring()
  }

  /** Hands an entry to one group alone, as a redrive or a replay does. Answers its position there. */
  async copyToGroup(
    stream: string,
    group: string,
    fields: readonly string[],
    copyOf: CopyOf,
  ): Promise<string> {
    const source = this.#stream(stream)
    const position = source.group(group).inlet.add(fields, copyOf)
    source.bell.ring()
    return position
  }

  #stream(name: string): MemoryStream {
    let stream = this.#streams.get(name)
    if (!stream) this.#streams.set(name, (stream = new MemoryStream()))
    return stream
  }

  #known(name: string): MemoryStream {
    checkName('stream name', name)
    const stream = this.#streams.get(name)
    if (stream?.exists) return stream
    throw new MillraceError('UNKNOWN_STREAM', `there is no stream "${name}"; publishing to it creates it`)
  }
}
