import { contentOf } from '../core/entry-content.ts'
import { MillraceError } from '../core/errors.ts'
import { comparePositions, FIRST_POSITION } from '../core/position.ts'
import type { Entry, NewEntry } from '../core/stream-log.ts'
import { Bell } from './bell.ts'
import { MemoryGroup } from './memory-group.ts'

interface Written {
  position: string
  content: string
  expires: number
}

/**
 * One stream by its name, whether it exists or not: what Redis keeps beside a stream (idempotency keys, low-water
 * marks of groups) outlives its deletion here as well.
 */
export class MemoryStream {
  /** Rings with every change that someone may wait for. */
  readonly bell = new Bell()
  exists = false
  #entries: Entry[] = []
  #lastPosition = FIRST_POSITION
  readonly #groups = new Map<string, MemoryGroup>()
  readonly #idempotency = new Map<string, Written>()

  get lastPosition(): string {
    return this.#lastPosition
  }

  append(fields: readonly string[]): string {
    const position = nextPosition(this.#lastPosition, Date.now())
    this.#entries.push(Object.freeze({ position, fields: Object.freeze([...fields]) }))
    this.#lastPosition = position
    this.exists = true
    this.bell.ring()
    return position
  }

  /** Writes unless the key was used within its time to live. */
  appendOnce({ fields, idempotencyKey: key }: NewEntry, ttlMs: number): string | MillraceError {
    if (!areFields(fields)) return notFields()
    if (key === undefined) return this.append(fields)
    this.#forgetExpiredKeys()
    const content = JSON.stringify(contentOf(fields))
    const written = this.#idempotency.get(key)
    if (written) return written.content === content ? written.position : conflict(key)
    const position = this.append(fields)
    this.#idempotency.set(key, { position, content, expires: Date.now() + ttlMs })
    return position
  }

  /** Keys stand in the order of their expiry, since all live equally long. */
  #forgetExpiredKeys(): void {
    const now = Date.now()
    for (const [key, { expires }] of this.#idempotency) {
      if (expires > now) return
      this.#idempotency.delete(key)
    }
  }

  /** Undefined when it was never there, or was trimmed. */
  find(position: string): Entry | undefined {
    const entry = this.#entries[this.#indexAfter(position) - 1]
    return entry?.position === position ? entry : undefined
  }

  after(position: string, limit: number): Entry[] {
    const start = this.#indexAfter(position)
    return this.#entries.slice(start, start + limit)
  }

  trim(minPosition: string): void {
    this.#entries = this.#entries.filter(({ position }) => comparePositions(position, minPosition) >= 0)
  }

  /** Binary search for the first entry after a position. */
  #indexAfter(position: string): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (comparePositions(this.#entries[middle]!.position, position) > 0) high = middle
      else low = middle + 1
    }
    return low
  }

  /** A group by its name, which need not exist. */
  group(name: string): MemoryGroup {
    let group = this.#groups.get(name)
    if (!group) this.#groups.set(name, (group = new MemoryGroup(this)))
    return group
  }

  /** Creates the group if need be, and the stream with it. */
  openGroup(name: string, start: string): MemoryGroup {
    const group = this.group(name)
    group.open(start === '$' ? this.#lastPosition : start === '0' ? FIRST_POSITION : start)
    this.exists = true
    return group
  }

  deleteGroup(name: string): void {
    this.group(name).delete()
    this.bell.ring()
  }

  /** Whatever is written under this name later is a new stream, and its groups read it from the start. */
  delete(): void {
    for (const group of this.#groups.values()) {
      group.delete()
      group.resetLowWaterMark(FIRST_POSITION)
    }
    this.#entries = []
    this.#lastPosition = FIRST_POSITION
    this.exists = false
    this.bell.ring()
  }
}

/** Grows even when the clock stands still or goes back. */
function nextPosition(last: string, now: number): string {
  const [lastMs = 0, lastSequence = 0] = last.split('-').map(Number)
  return now > lastMs ? `${now}-0` : `${lastMs}-${lastSequence + 1}`
}

const areFields = (fields: readonly unknown[]): boolean =>
  fields.length > 0 && fields.length % 2 === 0 && fields.every((part) => typeof part === 'string')

const notFields = () =>
  new MillraceError(
    'EVENT_INVALID',
    'an entry is a list of names and values in turn, all of them strings, and not empty',
  )

const conflict = (key: string) =>
  new MillraceError(
    'IDEMPOTENCY_CONFLICT',
    `the idempotency key "${key}" was used for another event; use a new key for new content`,
  )
