import { InvalidError, toError } from '../core/errors.ts'
import { pause } from '../core/pause.ts'
import type { RetentionTarget } from '../core/retention-policy.ts'
import type { AbandonedGroup, Retention, RetentionState } from '../core/retention.ts'
import { noLog, type Log, type Service } from '../core/service.ts'

export interface RetentionServiceOptions {
  targets?: readonly RetentionTarget[]
  /** Pause between two rounds over all streams, in ms (10000); while there is a backlog there is none. */
  intervalMs?: number
  log?: Log
  /** Told once when a group is found abandoned, and once more if it comes back and is abandoned again. */
  onAbandoned?: (stream: string, group: AbandonedGroup) => void
}

/** The last round over one stream. */
export interface RetentionStatus {
  readonly stream: string
  /** When it ended, in ms since 1970; absent before the first. */
  readonly ranAt?: number
  /** How many entries went in it because nobody needed them, and how many because of the hard cap. */
  readonly trimmed: number
  readonly capped: number
  /** The last that is known, also where the last round failed. */
  readonly state?: RetentionState
  /** Why the last round failed. */
  readonly error?: Error
}

const DEFAULT_INTERVAL_MS = 10_000
/** One stream with a backlog lets the others have their turn. */
const MAX_TURN_MS = 1_000

interface Watched {
  readonly target: RetentionTarget
  status: RetentionStatus
  /** What was abandoned when we last looked. */
  abandoned: ReadonlySet<string>
}

/**
 * Applies the policies of streams, round after round. Any number of instances may do so at once. A round that fails is
 * logged and tried again with the next.
 */
export class RetentionService implements Service {
  readonly #retention: Retention
  readonly #options: RetentionServiceOptions
  readonly #intervalMs: number
  readonly #log: Log
  readonly #watched = new Map<string, Watched>()
  readonly #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #started = false
  #lastLoopAt = 0

  /** @throws InvalidError `CONFIGURATION_INVALID` for an interval that is none */
  constructor(retention: Retention, options: RetentionServiceOptions = {}) {
    const { intervalMs = DEFAULT_INTERVAL_MS, log = noLog, targets = [] } = options
    if (!(Number.isFinite(intervalMs) && intervalMs >= 1)) {
      const issue = { path: 'intervalMs', message: `must be a number of ms from 1 on, not ${intervalMs}` }
      throw new InvalidError('CONFIGURATION_INVALID', 'retention can not run like this', [issue])
    }
    this.#retention = retention
    this.#options = options
    this.#intervalMs = intervalMs
    this.#log = log
    for (const target of targets) this.add(target)
  }

  /** From the next round on; it replaces what was said of that stream before. */
  add(target: RetentionTarget): void {
    const status = { stream: target.stream, trimmed: 0, capped: 0 }
    this.#watched.set(target.stream, { target, status, abandoned: new Set() })
  }

  /** Leaves a stream alone from now on; a step that is under way ends first. */
  remove(stream: string): void {
    this.#watched.delete(stream)
  }

  get status(): RetentionStatus[] {
    return [...this.#watched.values()].map(({ status }) => status)
  }

  /** When the loop last came round, in ms since 1970. */
  get lastLoopAt(): number {
    return this.#lastLoopAt
  }

  async start(): Promise<void> {
    if (this.#started) return
    this.#started = true
    this.#running = this.#run()
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort()
    const waited = new AbortController()
    await Promise.race([this.#running, pause(deadlineMs, waited.signal)])
    waited.abort()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      let backlog = false
      for (const watched of this.#watched.values()) {
        if (signal.aborted) return
        this.#lastLoopAt = Date.now()
        backlog = (await this.#turn(watched)) || backlog
      }
      this.#lastLoopAt = Date.now()
      if (!backlog) await pause(this.#intervalMs, signal)
    }
  }

  /** Answers whether the stream has more to do. */
  async #turn(watched: Watched): Promise<boolean> {
    const { target, status: before } = watched
    const { stream } = target
    try {
      const done = await this.#trim(target)
      const state = await this.#retention.inspect(target)
      watched.status = { stream, ranAt: Date.now(), trimmed: done.trimmed, capped: done.capped, state }
      if (before.error) this.#log.info({ stream }, 'retention works again')
      this.#report(watched, state, done.capped)
      return done.more
    } catch (thrown) {
      const error = toError(thrown)
      const known = before.state && { state: before.state }
      watched.status = { stream, ranAt: Date.now(), trimmed: 0, capped: 0, ...known, error }
      if (before.error?.message !== error.message)
        this.#log.warn({ stream, error }, `retention failed and is tried again: ${error.message}`)
      return false
    }
  }

  async #trim(target: RetentionTarget): Promise<{ trimmed: number; capped: number; more: boolean }> {
    const { signal } = this.#stopping
    const end = performance.now() + MAX_TURN_MS
    const total = { trimmed: 0, capped: 0, more: true }
    while (total.more && !signal.aborted && performance.now() < end) {
      const begun = performance.now()
      const step = await this.#retention.trim(target)
      total.trimmed += step.trimmed
      total.capped += step.capped
      total.more = step.more
      // Half of the server's time is left to those who publish and consume.
      if (step.more) await pause(performance.now() - begun, signal)
    }
    return total
  }

  #report(watched: Watched, { abandoned }: RetentionState, capped: number): void {
    const { stream } = watched.target
    if (capped > 0)
      this.#log.warn({ stream, capped }, 'the hard cap dropped entries that may have been needed')
    const known = watched.abandoned
    watched.abandoned = new Set(abandoned.filter(({ expired }) => !expired).map(({ group }) => group))
    for (const found of abandoned) {
      if (known.has(found.group) && !found.expired) continue
      const what = found.expired ? 'was abandoned and is destroyed' : 'is abandoned and keeps its entries'
      this.#log.warn({ stream, ...found }, `the group "${found.group}" ${what}`)
      this.#options.onAbandoned?.(stream, found)
    }
  }
}
