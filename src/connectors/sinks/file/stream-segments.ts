import { SinkError } from '../../../core/connector-errors.ts'
import { toError } from '../../../core/errors.ts'
import type { Disk } from './disk.ts'
import { gzipMember } from './gzip-member.ts'
import type { Document } from './keeper.ts'
import { lineOf } from './lines.ts'
import { identityOf, type Span } from './names.ts'
import { positionTime } from '../../../core/position.ts'
import { Segment } from './segment.ts'
import { isAbandoned, listSegments, takeOver } from './takeover.ts'
import { Written } from './written.ts'

export interface SegmentOptions {
  isGzip: boolean
  /** A segment is closed when it is as large as this, in bytes, or as old, in ms. */
  maxBytes: number
  maxAgeMs: number
}

interface Waiting {
  readonly bytes: Buffer
  readonly span: Span
  readonly signal: AbortSignal
  resolve(): void
  reject(error: Error): void
}

/** The segments of one stream: writes that wait together are written and synced together. */
export class StreamSegments {
  readonly #disk: Disk
  readonly #folder: string
  readonly #options: SegmentOptions
  readonly #written: Written
  #waiting: Waiting[] = []
  #segment: Segment | undefined
  /** Those that could not be closed yet. */
  #unclosed: Segment[] = []
  readonly #leaving = new Set<Segment>()
  /** Writes and closings, one after the other. */
  #turns: Promise<unknown> = Promise.resolve()
  #isAsked = false
  /** Counts how often it was reset: what hung before that changes nothing any more. */
  #life = 0

  constructor(disk: Disk, folder: string, options: SegmentOptions) {
    this.#disk = disk
    this.#folder = folder
    this.#options = options
    this.#written = new Written(disk, folder, (token) =>
      this.#next(async () => {
        if (this.#segment?.token !== token) return false
        await this.#close()
        return true
      }),
    )
  }

  async keep(documents: readonly Document[], signal: AbortSignal): Promise<void> {
    const missing = await this.#missing(documents)
    if (missing.length === 0) return
    const text = Buffer.from(missing.map(lineOf).join(''))
    const bytes = this.#options.isGzip ? await gzipMember(text) : text
    signal.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ bytes, span: spanOf(missing), signal, resolve, reject })
      this.#ask()
    })
  }

  /** Closes what others left behind. */
  async recover(): Promise<void> {
    for (const segment of await listSegments(this.#disk, this.#folder))
      if (await isAbandoned(this.#disk, this.#folder, segment))
        await takeOver(this.#disk, this.#folder, segment)
  }

  /** Says that its segment is in use, or closes it when it is old. */
  async tend(): Promise<void> {
    const segment = this.#segment
    if (!segment) return
    if (Date.now() - segment.openedAt < this.#options.maxAgeMs) return segment.touch()
    await this.#next(async () => {
      if (this.#segment === segment) await this.#close()
    })
  }

  /** Closes what is open, and gives up what hangs: it does not count. Rejects where the disk does not take that yet. */
  async reset(): Promise<void> {
    this.#life++
    this.#turns = Promise.resolve()
    this.#isAsked = false
    for (const { reject } of this.#waiting.splice(0)) reject(givenUp())
    if (this.#segment) this.#unclosed.push(this.#segment)
    this.#segment = undefined
    await this.#closeRest()
  }

  /** Resolves when the segments that were closed are let go of. */
  async released(): Promise<void> {
    await Promise.all([...this.#leaving].map(({ released }) => released))
  }

  /** Without what an earlier delivery of the same wrote. */
  async #missing(documents: readonly Document[]): Promise<readonly Document[]> {
    const redelivered = documents.filter(({ event }) => event.redelivered)
    if (redelivered.length === 0) return documents
    const found = await this.#written.find(redelivered.map(({ event }) => identityOf(event)))
    return documents.filter(({ event }) => {
      if (!event.redelivered) return true
      const identity = identityOf(event)
      const isMissing = !found.has(identity)
      found.add(identity)
      return isMissing
    })
  }

  #ask(): void {
    if (this.#isAsked) return
    this.#isAsked = true
    void this.#next(() => this.#commit())
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.then(work)
    this.#turns = turn.catch(() => {})
    return turn
  }

  /** All that waits. Whoever gave up meanwhile will bring it again. */
  async #commit(): Promise<void> {
    this.#isAsked = false
    const group = this.#waiting.splice(0)
    const alive = group.filter(({ signal }) => !signal.aborted)
    for (const { signal, reject } of group) if (signal.aborted) reject(toError(signal.reason))
    if (alive.length === 0) return
    try {
      await this.#append(alive)
      for (const { resolve } of alive) resolve()
    } catch (error) {
      for (const { reject } of alive) reject(toError(error))
    }
  }

  async #append(group: readonly Waiting[]): Promise<void> {
    const life = this.#life
    const segment = this.#segment ?? (await this.#create(life))
    const bytes = group.length === 1 ? group[0]!.bytes : Buffer.concat(group.map(({ bytes }) => bytes))
    try {
      await segment.append(bytes, unite(group.map(({ span }) => span)))
    } catch (error) {
      // At once, so that nobody takes what was not synced for written.
      if (this.#life === life) await this.#close().catch(() => {})
      throw error
    }
    // It is there for good; where the segment can't be closed now, that is tried again later.
    if (this.#life === life && segment.bytes >= this.#options.maxBytes) await this.#close().catch(() => {})
  }

  async #create(life: number): Promise<Segment> {
    await this.#closeRest()
    const segment = await Segment.create(this.#disk, this.#folder, this.#options.isGzip)
    if (this.#life === life) return (this.#segment = segment)
    await segment.retire()
    throw givenUp()
  }

  async #close(): Promise<void> {
    if (this.#segment) this.#unclosed.push(this.#segment)
    this.#segment = undefined
    await this.#closeRest()
  }

  async #closeRest(): Promise<void> {
    for (const segment of this.#unclosed) {
      await segment.retire()
      this.#leaving.add(segment)
      void segment.released.then(() => this.#leaving.delete(segment))
      this.#unclosed = this.#unclosed.filter((other) => other !== segment)
    }
  }
}

function spanOf(documents: readonly Document[]): Span {
  const times = documents.map(({ event }) => positionTime(event.position))
  return unite(times.map((time) => ({ first: time, last: time })))
}

const unite = (spans: readonly Span[]): Span => {
  const span: Span = { first: Infinity, last: 0 }
  for (const { first, last } of spans) {
    span.first = Math.min(span.first, first)
    span.last = Math.max(span.last, last)
  }
  return span
}

const givenUp = (): SinkError =>
  new SinkError('SINK_UNAVAILABLE', 'the write took too long and was given up; it is made again')
