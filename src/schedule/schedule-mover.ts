import { backoffMs } from '../core/backoff.ts'
import { MillraceError, toError } from '../core/errors.ts'
import { pause } from '../core/pause.ts'
import type { DueEntries, ScheduleWatch } from '../core/schedule.ts'
import { noLog, type Log, type Service } from '../core/service.ts'

/** How often the list of streams is read, and each stream is looked at whatever it said: a lost wake costs a second. */
const POLL_MS = 1_000
/** With many streams they are looked at less often, so that all of them together are looked at 500 times a second. */
const POLL_PER_STREAM_MS = 2
/** Between two looks at one stream that nothing was due in, however often it is woken. */
const MIN_PAUSE_MS = 5
const LOOKS_AT_ONCE = 16
const FAULT_PAUSE_MS = 200
const MAX_STREAM_FAULT_PAUSE_MS = 5_000

/** What a mover knows of a stream. Times are those of `performance.now`. */
interface Look {
  nextAt: number
  lastAt: number
  /** Rises with each wake, so that one that comes while a look is under way is not forgotten. */
  wakes: number
  faults: number
}

export interface ScheduleMoverStatus {
  /** Entries that this mover has moved. */
  moved: number
  /** Streams that something may wait for. */
  streams: number
  /** When the loop last came round, in ms since 1970; every second where all is well. */
  lastLoopAt: number
}

/**
 * Moves what is due into its stream. It sleeps until the next due time, and wakes when something is scheduled before
 * it. One mover is enough; any number of them, on any number of instances, share the work and each other's lot. A
 * stream that can't be moved to is tried again every few seconds and holds up no other.
 *
 * @example
 * const schedule = await RedisSchedule.open({ url: 'redis://localhost:6379' })
 * const mover = new ScheduleMover(schedule)
 * await mover.start()
 */
export class ScheduleMover implements Service {
  readonly #entries: DueEntries
  readonly #log: Log
  readonly #streams = new Map<string, Look>()
  #watch: ScheduleWatch | undefined
  #started: Promise<void> | undefined
  #loops: Promise<unknown> = Promise.resolve()
  readonly #stopping = new AbortController()
  #wake = new AbortController()
  #nextListAt = 0
  #cutOff = false
  #moved = 0
  #lastLoopAt = 0

  constructor(entries: DueEntries, log: Log = noLog) {
    this.#entries = entries
    this.#log = log
  }

  get status(): ScheduleMoverStatus {
    return { moved: this.#moved, streams: this.#streams.size, lastLoopAt: this.#lastLoopAt }
  }

  /** Idempotent. */
  start(): Promise<void> {
    return (this.#started ??= this.#start())
  }

  async #start(): Promise<void> {
    if (this.#stopped) throw new MillraceError('CLOSED', 'the mover was stopped')
    const watch = await this.#entries.watch()
    // What was written down since then is read, so what the first look does not find will wake us.
    if (this.#stopped) return watch.close()
    this.#watch = watch
    this.#loops = Promise.all([this.#listen(watch), this.#run()])
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort()
    this.#wake.abort()
    await this.#started?.catch(() => {})
    await this.#watch?.close()
    const done = new AbortController()
    await Promise.race([this.#loops.then(() => done.abort()), pause(deadlineMs, done.signal)])
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted
  }

  async #listen(watch: ScheduleWatch): Promise<void> {
    while (!this.#stopped) {
      try {
        for (const stream of await watch.next()) this.#lookSoon(stream)
      } catch {
        // Of no account by itself: every stream is looked at each second.
        await pause(FAULT_PAUSE_MS, this.#stopping.signal)
      }
    }
  }

  #lookSoon(stream: string): void {
    const look = this.#look(stream)
    look.wakes++
    look.nextAt = Math.min(look.nextAt, Math.max(performance.now(), look.lastAt + MIN_PAUSE_MS))
    this.#wake.abort()
  }

  #look(stream: string): Look {
    let look = this.#streams.get(stream)
    if (!look) this.#streams.set(stream, (look = { nextAt: 0, lastAt: 0, wakes: 0, faults: 0 }))
    return look
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#lastLoopAt = Date.now()
      if (performance.now() >= this.#nextListAt) await this.#learnStreams()
      if (!this.#cutOff) await Promise.all(this.#due().map(([stream, look]) => this.#move(stream, look)))
      await this.#sleep()
    }
  }

  /** Also the proof that Redis can be asked: while it fails nothing is moved. */
  async #learnStreams(): Promise<void> {
    this.#nextListAt = performance.now() + POLL_MS
    const wakes = new Map([...this.#streams].map(([stream, look]) => [stream, look.wakes]))
    try {
      const streams = new Set(await this.#entries.streams())
      for (const stream of streams) this.#look(stream)
      // What was woken meanwhile may be on the list by now.
      for (const [stream, before] of wakes)
        if (!streams.has(stream) && this.#look(stream).wakes === before) this.#streams.delete(stream)
    } catch (error) {
      return this.#wasCutOff(error)
    }
    if (this.#cutOff) this.#log.info({}, 'scheduled events are moved again')
    this.#cutOff = false
  }

  /** The first ones by their time: a stream with much to do gets one step, then the others theirs. */
  #due(): [string, Look][] {
    const now = performance.now()
    const due = [...this.#streams].filter(([, { nextAt }]) => nextAt <= now)
    return due.sort(([, a], [, b]) => a.nextAt - b.nextAt).slice(0, LOOKS_AT_ONCE)
  }

  async #move(stream: string, look: Look): Promise<void> {
    const { wakes } = look
    look.nextAt = Infinity
    let untilNextMs: number
    try {
      const move = await this.#entries.move(stream)
      this.#moved += move.moved
      if (look.faults > 0) this.#log.info({ stream }, `scheduled events of "${stream}" are moved again`)
      look.faults = 0
      untilNextMs = Math.min(move.untilNextMs, Math.max(POLL_MS, this.#streams.size * POLL_PER_STREAM_MS))
    } catch (error) {
      untilNextMs = this.#failed(stream, look, error)
    }
    look.lastAt = performance.now()
    look.nextAt = look.lastAt + (look.wakes === wakes ? untilNextMs : Math.min(untilNextMs, MIN_PAUSE_MS))
  }

  /** How long the stream has to wait. */
  #failed(stream: string, look: Look, error: unknown): number {
    if (isOutage(error)) {
      this.#wasCutOff(error)
      return FAULT_PAUSE_MS
    }
    look.faults++
    const line = `scheduled events of "${stream}" wait on: ${toError(error).message}`
    if (look.faults === 1) this.#log.error({ error, stream }, line)
    else this.#log.debug({ error, stream }, line)
    return backoffMs(POLL_MS, look.faults - 1, MAX_STREAM_FAULT_PAUSE_MS)
  }

  #wasCutOff(error: unknown): void {
    if (this.#stopped) return
    this.#nextListAt = performance.now() + FAULT_PAUSE_MS
    if (!this.#cutOff) this.#log.warn({ error }, `scheduled events wait on: ${toError(error).message}`)
    this.#cutOff = true
  }

  async #sleep(): Promise<void> {
    let until = this.#nextListAt
    if (!this.#cutOff) for (const { nextAt } of this.#streams.values()) until = Math.min(until, nextAt)
    const ms = until - performance.now()
    if (ms > 0 && !this.#wake.signal.aborted) await pause(ms, this.#wake.signal)
    if (!this.#stopped) this.#wake = new AbortController()
  }
}

/** It concerns all streams and not one of them. */
const isOutage = (error: unknown): boolean =>
  error instanceof MillraceError && (error.code === 'REDIS_UNAVAILABLE' || error.code === 'REDIS_UNCERTAIN')
