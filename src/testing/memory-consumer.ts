import { MillraceError } from '../core/errors.ts'
import type { Claim, Consumer, Entry, Membership, Outcome, Reservation, Verdict } from '../core/stream-log.ts'
import { deadLetterFields } from './dead-letter.ts'
import type { MemoryGroup } from './memory-group.ts'
import type { MemoryStream } from './memory-stream.ts'

const DEFAULTS = { start: '0', minIdleMs: 60_000, deadAfterMs: 10_000 }
type Resolved = Membership & typeof DEFAULTS
type DeadLetterOutcome = Extract<Outcome, { kind: 'dead-letter' }>

/** One member of a group; the group itself lives in the stream, and may be deleted there at any time. */
export class MemoryConsumer implements Consumer {
  readonly #stream: MemoryStream
  readonly #deadLetters: MemoryStream
  readonly #membership: Resolved
  readonly #streamOf: (name: string) => MemoryStream
  /** What this consumer was given and has not settled, to find out what it lost. */
  readonly #claimed = new Set<string>()
  /** Lost with the lease of an exclusive group, and not told yet. */
  readonly #untold = new Set<string>()
  #left = false

  constructor(membership: Membership, deadLetters: string, streamOf: (name: string) => MemoryStream) {
    this.#membership = { ...DEFAULTS, ...membership }
    this.#streamOf = streamOf
    this.#stream = streamOf(membership.stream)
    this.#deadLetters = streamOf(deadLetters)
    this.#openGroup().recordLowWaterMark()
  }

  get mayRun(): boolean {
    return this.#holdsLease && this.#untold.size === 0
  }

  /** True where there is none to hold. */
  get #holdsLease(): boolean {
    return this.#group.holdsLease(this.#membership.consumer, this.#membership)
  }

  async claim(limit: number, waitMs: number, signal: AbortSignal): Promise<Claim[]> {
    if (this.#left) throw new MillraceError('CLOSED', 'the consumer has left its group; join again to claim')
    await nextTurn()
    const deadline = Date.now() + waitMs
    while (!signal.aborted && !this.#left) {
      const claims = this.#claimNow(limit)
      const now = Date.now()
      if (claims.length > 0 || now >= deadline) return claims
      const wakeAt = Math.min(deadline, this.#group.nextChange(this.#membership.consumer, this.#membership))
      await this.#stream.bell.wait(wakeAt - now, signal)
    }
    return []
  }

  /** A group that is gone is healed by who may claim from it. */
  #claimNow(limit: number): Claim[] {
    const { consumer } = this.#membership
    const group = this.#group
    if (!this.#holdsLease) this.#loseAll()
    group.touch(consumer)
    const room = group.room(consumer, limit, this.#membership)
    // Whoever runs what was lost must know before it is handed out again.
    if (room === 0 || this.#untold.size > 0) return []
    const claims = this.#openGroup().claim(consumer, room, this.#membership)
    for (const { position, origin } of claims) if (origin !== 'parked') this.#hold(position)
    this.#buryTrimmed()
    return claims
  }

  /** What is ours again is not told as lost. */
  #hold(position: string): void {
    this.#claimed.add(position)
    this.#untold.delete(position)
  }

  #loseAll(): void {
    for (const position of this.#claimed) this.#untold.add(position)
    this.#claimed.clear()
  }

  async begin(claims: readonly Claim[]): Promise<string[]> {
    const redelivered = claims.filter(({ origin }) => origin !== 'new')
    if (redelivered.length > 0 && !this.mayRun) {
      // The next heartbeat tells of all that was lost with them.
      if (!this.#holdsLease) this.#loseAll()
      return redelivered.map(({ position }) => position)
    }
    return this.#lostOf(redelivered, (claim) => this.#group.begin(this.#membership.consumer, claim))
  }

  async expedite(positions: readonly string[]): Promise<void> {
    for (const position of positions) this.#group.expedite(position)
    this.#stream.bell.ring()
  }

  async waiting(positions: readonly string[]): Promise<string[]> {
    return positions.filter((position) => this.#group.isWaiting(position))
  }

  async reserve(reservations: readonly Reservation[], ttlMs: number): Promise<Verdict[]> {
    return this.#group.reserve(reservations, ttlMs)
  }

  /** There are no slots here. */
  checkProduced(): void {}

  async settle(outcomes: readonly Outcome[]): Promise<string[]> {
    const lost = this.#lostOf(outcomes, (outcome) => this.#settleOne(outcome, this.#group))
    for (const { position } of outcomes) this.#forget(position)
    this.#stream.bell.ring()
    return lost
  }

  async heartbeat(): Promise<string[]> {
    const { consumer } = this.#membership
    const group = this.#group
    if (this.#left) return []
    group.touch(consumer)
    group.recordLowWaterMark()
    group.renew(consumer, this.#membership)
    const claimed = [...this.#untold, ...this.#claimed].map((position) => ({ position }))
    return this.#lostOf(
      claimed,
      ({ position }) => this.#claimed.has(position) && group.owns(consumer, position),
    )
  }

  async leave(): Promise<void> {
    const { consumer } = this.#membership
    const holdsLease = this.#holdsLease
    for (const [position, { attempt, starts }] of this.#group.heldBy(consumer)) {
      // What was lost with the lease of an exclusive group counts as abandoned, and its start with it.
      const attempts = holdsLease && this.#claimed.has(position) ? attempt - 1 : starts
      this.#settleOne({ kind: 'release', position, attempts }, this.#group)
    }
    this.#left = true
    this.#claimed.clear()
    this.#untold.clear()
    this.#group.leave(consumer)
    this.#stream.bell.ring()
  }

  get #group(): MemoryGroup {
    return this.#stream.group(this.#membership.group)
  }

  /** Creates the group if need be, and is a member of it from then on. */
  #openGroup(): MemoryGroup {
    const group = this.#stream.openGroup(this.#membership.group, this.#membership.start)
    group.touch(this.#membership.consumer)
    return group
  }

  /**
   * The positions at which `step` found that the entry is no longer ours: all of them when the group is gone, or the
   * lease of an exclusive one.
   */
  #lostOf<T extends { position: string }>(items: readonly T[], step: (item: T) => boolean): string[] {
    const holdsLease = this.#holdsLease
    const lost = items.filter((item) => !holdsLease || !step(item)).map(({ position }) => position)
    for (const position of lost) this.#forget(position)
    return lost
  }

  #forget(position: string): void {
    this.#claimed.delete(position)
    this.#untold.delete(position)
  }

  #settleOne(outcome: Outcome, group: MemoryGroup): boolean {
    const { consumer } = this.#membership
    const copy = group.inlet.find(outcome.position)
    const entry = copy ?? this.#stream.find(outcome.position)
    if (!group.settle(consumer, outcome)) return false
    this.#buryTrimmed()
    if (outcome.kind === 'dead-letter')
      this.#bury(copy ? { ...outcome, position: copy.copyOf.position } : outcome, entry)
    if (outcome.kind === 'acknowledge')
      for (const { stream, fields } of outcome.produce ?? []) this.#streamOf(stream).append(fields)
    return true
  }

  #buryTrimmed(): void {
    for (const { position, attempts } of this.#group.takeTrimmed()) this.#bury(entombed(position, attempts))
  }

  #bury(outcome: DeadLetterOutcome, entry?: Entry): void {
    const stands = entry && { ...entry, position: outcome.position }
    this.#deadLetters.append(deadLetterFields(stands, outcome, this.#membership))
  }
}

const entombed = (position: string, attempts: number): DeadLetterOutcome => ({
  kind: 'dead-letter',
  position,
  attempts,
  letter: { error: 'ENTRY_TRIMMED', reason: 'the entry was trimmed from its stream while it was pending' },
})

/** A log on a server gives timers and sockets their turn with every call; one that didn't would starve them. */
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))
