/**
 * What is the matter with a group. Of several that are true, what is critical comes before what is a warning, and then
 * what stands earlier here:
 * - `trimmed-under`: entries that it had not read, or held, were dropped by a limit on the stream
 * - `poison-entry`: an entry comes back again and again and is never acknowledged
 * - `dead-consumer`: a consumer that is gone holds entries, and nobody takes them over
 * - `stuck-consumer`: a consumer that lives holds entries for longer than any handler should take, and settles none
 * - `no-consumers`: there is something to read, and nobody reads
 * - `started-late`: it never read what was there before it was created, and that is still there
 * - `paused`: an operator paused it
 * - `falling-behind`: it reads and settles, and more comes in than goes out
 * - `draining`: it is behind, and catches up
 * - `lag-unknown`: nobody can say how far behind it is
 * - `retrying`: entries wait for their retry, which is what retries are for
 * - `healthy`: none of these
 */
export const VERDICTS = [
  'trimmed-under',
  'poison-entry',
  'dead-consumer',
  'stuck-consumer',
  'no-consumers',
  'started-late',
  'paused',
  'falling-behind',
  'draining',
  'lag-unknown',
  'retrying',
  'healthy',
] as const
export type Verdict = (typeof VERDICTS)[number]

/** `critical`: nothing moves, or something was lost. `warning`: it needs a look. `ok`: nothing to do. */
export type Severity = 'ok' | 'warning' | 'critical'

/** One group, what is the matter with it, how that is known, and what to do about it. */
export interface GroupExplanation {
  readonly stream: string
  readonly group: string
  readonly verdict: Verdict
  readonly severity: Severity
  /** One sentence for people, with the numbers and names in it that matter. */
  readonly summary: string
  /** All that was looked at, by name: counts, positions, names of consumers, ages in ms. */
  readonly evidence: Readonly<Record<string, string | number | boolean>>
  /** Further verdicts that hold as well, gravest first. */
  readonly also: readonly Verdict[]
  /** Commands that mend it or look closer, in the order in which to try them, ready to be run. None for what is well. */
  readonly commands: readonly string[]
}

export interface ExplainOptions {
  /** One stream, or all. */
  stream?: string
  /** One group of that stream, or all of them. */
  group?: string
  /** How long to watch the groups that are behind, in ms (500): to tell those that catch up from those that don't. */
  sampleMs?: number
  /** A consumer of other software counts as dead when it was idle for so long, in ms (60000). */
  minIdleMs?: number
  signal?: AbortSignal
}

/** Says why groups are stuck, if they are. It changes nothing, and works on streams of any software. */
export interface Explain {
  /**
   * One explanation for each group, gravest first. A stream without groups has none.
   *
   * @throws MillraceError `UNKNOWN_STREAM`, `UNKNOWN_GROUP` where one was named that is not there
   */
  explain(options?: ExplainOptions): Promise<GroupExplanation[]>
}
