import { InvalidError, type Issue, type MillraceError } from './errors.ts'
import type { NewEntry } from './stream-log.ts'

/** The end of the year 9999, in ms since 1970: later times have no place in ISO 8601. */
export const LAST_TIME = 253_402_300_799_999
/** Taken for ms, seconds since 1970 are a moment of early 1970, which nobody means. */
const SECONDS_BELOW = 100_000_000_000

/** An entry to be written later: `dueAt` or `delayMs`, one of them. */
export interface NewScheduledEntry extends NewEntry {
  /** In ms since 1970. What is past is due at once. */
  dueAt?: number
  /** In ms from when the server takes it, by the server's clock. What is negative is due at once. */
  delayMs?: number
}

export interface WaitingEntry {
  readonly id: string
  /** In ms since 1970, on the server's clock. */
  readonly dueAt: number
  readonly fields: readonly string[]
}

export interface WaitingPage {
  /** In the order in which they are due, and of those due at the same time in the order in which they were scheduled. */
  readonly entries: readonly WaitingEntry[]
  /** Where the next page begins; absent on the last one. */
  readonly next?: string
}

/**
 * Entries that wait beside their stream and enter it when they are due: durably, whatever process lives, and by the
 * clock of the server alone. Each enters once, never early, in the order of due times, whatever crashes; while none
 * of the movers runs, it waits on.
 *
 * An entry is moved as it was given, byte for byte. So an event without a `time` of its own gets the time at which it
 * entered the stream, which is when it happens to whoever reads; one that should name the planned time carries it.
 */
export interface ScheduledEvents {
  /**
   * Lets entries wait. Answers the id of each, or why that one does not wait, like `StreamLog.append`.
   *
   * An idempotency key is remembered until 10 minutes after the entry is due, also when it was moved or cancelled
   * meanwhile: scheduling again with the same fields and the same time, as it was given, answers the first id; with
   * others it is an `IDEMPOTENCY_CONFLICT`. These keys have nothing to do with those of `append`.
   */
  schedule(stream: string, entries: readonly NewScheduledEntry[]): Promise<(string | MillraceError)[]>

  /** Whether it was still waiting. If so it never enters the stream; if not it has, or was cancelled before. */
  cancel(stream: string, id: string): Promise<boolean>

  /** What waits, a page at a time: at most `limit` (100, at most 1000), less where entries are large. */
  list(stream: string, page?: { limit?: number; after?: string }): Promise<WaitingPage>
}

export interface Move {
  readonly moved: number
  /** Until the next one is due, in ms: 0 while more is due now, `Infinity` when nothing waits. */
  readonly untilNextMs: number
}

/** What a mover needs. Any number of them may work on the same streams at the same time. */
export interface DueEntries {
  /** The streams that something may wait for; none that something waits for is ever missing. */
  streams(): Promise<string[]>
  /** Moves what is due into the stream, in one bounded step: all of it happens or nothing. */
  move(stream: string): Promise<Move>
  /** Learns from now on when an entry is scheduled that is due before all others of its stream. */
  watch(): Promise<ScheduleWatch>
}

export interface ScheduleWatch {
  /** The streams whose next due time came closer since the last call. Waits for the first, for a few seconds at most. */
  next(): Promise<string[]>
  /** A `next` under way fails. Idempotent. */
  close(): Promise<void>
}

/** The last tick of each job, durably, so that a tick that nobody was there for can be made up for. */
export interface TickMemory {
  /** In the order of the names; undefined where nothing is remembered. In ms since 1970. */
  recall(jobs: readonly string[]): Promise<(number | undefined)[]>
  /** Remembers ticks by job, each unless a later one is remembered. */
  remember(ticks: ReadonlyMap<string, number>): Promise<void>
}

/** @returns what is wrong with the time of an entry, if anything */
export function checkDue({ dueAt, delayMs }: NewScheduledEntry): InvalidError | undefined {
  const issues: Issue[] = []
  if ((dueAt === undefined) === (delayMs === undefined))
    issues.push({ path: 'dueAt', message: 'give either dueAt or delayMs' })
  if (dueAt !== undefined && !isTime(dueAt))
    issues.push({
      path: 'dueAt',
      message: `must be ms since 1970, before the year 10000, not ${show(dueAt)}`,
    })
  else if (dueAt !== undefined && dueAt < SECONDS_BELOW)
    issues.push({ path: 'dueAt', message: `must be in ms since 1970; ${dueAt} looks like seconds` })
  if (delayMs !== undefined && (!Number.isFinite(delayMs) || !isTime(delayMs + Date.now())))
    issues.push({
      path: 'delayMs',
      message: `must be ms that end before the year 10000, not ${show(delayMs)}`,
    })
  return issues.length > 0
    ? new InvalidError('EVENT_INVALID', 'the entry has no possible time', issues)
    : undefined
}

const isTime = (value: unknown): boolean => Number.isFinite(value) && (value as number) <= LAST_TIME

/** TypeScript may be absent: whatever was given instead of a number. */
const show = (value: unknown): string => (typeof value === 'string' ? JSON.stringify(value) : String(value))
